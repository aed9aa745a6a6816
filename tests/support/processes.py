"""Server processes for the tests that kill them."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Protocol, Self

import httpx2

from tests.support.http_client import client_of
from tests.support.waiting import until

ROOT = Path(__file__).parent.parent.parent
KEPT = ("PATH", "HOME", "LANG")


class Process(Protocol):
    """What of ``subprocess.Popen`` is used here."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...

    def send_signal(self, number: int, /) -> None: ...


class ServerProcess:
    """`python main.py` with these settings, on a free port, until the block ends."""

    process: Process
    output: IO[str]

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = {name.upper(): str(value) for name, value in settings.items()}
        self.base_url = ""
        self.log = folder / "server.log"

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()

    def spawn(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout
        self.process, self.output = process, process.stdout

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.spawn([sys.executable, "main.py"])
        self.wait_for_address()
        return self

    def wait_for_address(self) -> None:
        line = self.output.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"{line!r}\n{self.log.read_text()}"
        self.base_url = found.group()

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
        return client_of(self.base_url, headers=headers, timeout=60)

    def _ended(self) -> int:
        code = self.process.wait(timeout=60)
        self.output.close()
        return code


class WorkerCommand(ServerProcess):
    """`flask worker` with these settings."""

    def start(self) -> Self:
        """Start it and wait until it says that it works."""
        self.spawn([sys.executable, "-m", "flask", "--app", "main", "worker"])
        line = self.output.readline()
        if line != "Orquestradora works in the background\n":
            self.kill()
            raise AssertionError(self.log.read_text())
        return self


def started(folder: Path, **settings: Any) -> ServerProcess:
    return ServerProcess(folder, **settings)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_listening(base_url: str) -> None:
    def listens() -> bool:
        try:
            return http.get("/healthz").is_success
        except httpx2.HTTPError:
            return False

    with client_of(base_url, timeout=1) as http:
        until(listens, seconds=20)
