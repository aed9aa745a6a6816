"""Server processes for the tests that kill them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parent.parent.parent
KEPT = ("PATH", "HOME", "LANG")


class ServerProcess:
    """`python main.py` with these settings, on a free port."""

    program: tuple[str, ...] = ("main.py",)

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = {name.upper(): str(value) for name, value in settings.items()}
        self.base_url = ""
        self.log = folder / "server.log"

    def spawn(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self) -> "ServerProcess":
        """Start it and wait until it listens."""
        self.spawn([sys.executable, *self.program])
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"{line!r}\n{self.log.read_text()}"
        self.base_url = found.group()
        return self

    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "DATA_DIR": str(self.folder / "data"),
            "DOCUMENTS_DIR": str(self.folder / "documents"),
            "PORT": "0",
            "LLM_PROVIDER": "offline",
            **self.settings,
        }

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self._ended()

    def terminate(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def client(self, **headers: str) -> httpx2.Client:
        return httpx2.Client(base_url=self.base_url, headers=headers, timeout=60)

    def _ended(self) -> int:
        code = self.process.wait(timeout=60)
        if self.process.stdout:
            self.process.stdout.close()
        return code


@contextmanager
def started(folder: Path, **settings: Any) -> Iterator[ServerProcess]:
    server = ServerProcess(folder, **settings)
    try:
        yield server.start()
    finally:
        server.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_listening(base_url: str, *, seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while True:
        try:
            httpx2.get(f"{base_url}/healthz", timeout=1).raise_for_status()
        except httpx2.HTTPError:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        else:
            return
