"""A server of our own to try things on: fresh data, its own port, gone afterwards."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO, Self

from app.config import Settings

MAIN = Path(__file__).parent.parent / "main.py"
ADDRESS = re.compile(r"listens on (http://\S+)\n")
START_TIME = 60.0
STOP_TIME = 15.0
TOLD_LINES = 20

ENDING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
]
"""Signals that end us: Ctrl-C, a kill, a closed terminal."""

OF_THE_MODEL = {
    "LLM_PROVIDER",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "MODEL_CONTEXT_TOKENS",
    "TURN_TIMEOUT_SECONDS",
}


class ServerFailed(Exception):
    """The server did not start, or ended by itself; the message tells what it said."""


class ServerProcess:
    """`python main.py` in an empty folder, with the environment's model if it has one.

    In a ``with`` block. Every other setting has its default, whatever the
    environment or a `.env` says.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            with _signals_held(), self._log.open("wb") as log:
                self._process = self._start(log)
            self.address = self._wait_for_address()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def wait(self) -> None:
        """Return never; raises ServerFailed when the server ends."""
        if self._process:
            self._process.wait()
        raise self.failure("The server ended")

    def _start(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(MAIN)],
            cwd=self._folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
        )

    def _wait_for_address(self) -> str:
        until = time.monotonic() + START_TIME
        while time.monotonic() < until:
            ended = self._process is None or self._process.poll() is not None
            if found := ADDRESS.search(self._said()):
                return found[1]
            if ended:
                raise self.failure("The server did not start")
            time.sleep(0.05)
        raise self.failure(f"The server did not start within {START_TIME:.0f} s")

    def failure(self, what: str) -> ServerFailed:
        """Return an error that tells ``what`` and the end of the server's log."""
        last = self._said().rstrip().splitlines()[-TOLD_LINES:]
        return ServerFailed("\n".join([f"{what}. The server's log ends:", *last]))

    def _said(self) -> str:
        return self._log.read_text(errors="replace")

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIME)
        finally:  # too slow, or Ctrl-C once more
            self._process.kill()
            self._process.wait()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep signals back while a process is born, so that it is never left behind."""
    came: list[int] = []

    def keep(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, keep) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in came[:1]:
        signal.raise_signal(number)


def _environment() -> dict[str, str]:
    ours = {name.upper() for name in Settings.model_fields} - OF_THE_MODEL
    others = {name: v for name, v in os.environ.items() if name.upper() not in ours}
    return others | {"PORT": "0"}
