"""A MongoDB wire protocol server for the tests (mongo-java-server, Java 17).

``python -m tests.servers.mongo_wire PORT [FILE]`` runs it until it is interrupted.
Its jars are fetched once, by Maven, into the user's cache folder.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_HERE = Path(__file__).parent / "mongo-wire"
_VERSION = "1.47.0"
_START_WITHIN = 60.0


class CannotStart(Exception):
    """Java or Maven is missing, or the server did not come up."""


@dataclass
class WireServer:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?serverSelectionTimeoutMS=3000"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=5)


def start(port: int | None = None, file: str | None = None) -> WireServer:
    """Start a server on 127.0.0.1 and wait until it listens.

    It keeps its documents in memory, or in ``file``.
    """
    jars = _jars()
    port = port or _free_port()
    command = [
        _program("java"),
        "-Xmx256m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{jars}/*",
        str(_HERE / "WireServer.java"),
        str(port),
        *([file] if file else []),
    ]
    server = WireServer(port, _spawn(command))
    deadline = time.monotonic() + _START_WITHIN
    while not _listens(port):
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise CannotStart("the wire server did not come up")
        time.sleep(0.05)
    return server


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program that ends when we do: its standard input is ours to hold."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotStart(f"{name} is not installed")
    return found


def _jars() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jars = cache / f"mongo-wire-{_VERSION}"
    done = jars / ".done"
    if done.exists():
        return jars
    jars.mkdir(parents=True, exist_ok=True)
    with _locked(jars / ".lock"):
        if not done.exists():
            command = [
                _program("mvn"),
                "-q",
                "-B",
                "-f",
                str(_HERE / "pom.xml"),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={jars}",
            ]
            try:
                subprocess.run(command, check=True, stdout=sys.stderr, timeout=300)
            except subprocess.SubprocessError as error:
                raise CannotStart(f"Maven cannot fetch the server: {error}") from error
            done.touch()
    return jars


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    server = start(int(sys.argv[1]), *sys.argv[2:3])
    print(server.uri, flush=True)  # noqa: T201
    try:
        server.process.wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
