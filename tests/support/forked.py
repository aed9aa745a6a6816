"""Server processes that need not load the program: their parent has done it.

They are what `python main.py` is once it has been loaded, with cheap password hashes.
"""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self

import main
from tests.support.processes import ServerProcess
from tests.support.quick import cheap_passwords

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["main", "app.services.llm.sdk", __name__])


class ForkedServer(ServerProcess):
    """A fork of the loaded program with these settings, on a free port."""

    run: Callable[[], None] = staticmethod(main.main)

    def start(self) -> Self:
        reader, writer = CONTEXT.Pipe(duplex=False)
        child = CONTEXT.Process(
            target=_serve,
            args=(self.run, self.environment(), self.log, writer),
            daemon=True,
        )
        child.start()
        writer.close()
        self.process = _Child(child)
        self.output = os.fdopen(os.dup(reader.fileno()))
        reader.close()
        self.wait_for_address()
        return self


class _Child:
    """Such a process, with the methods of ``subprocess.Popen``."""

    def __init__(self, child: ForkServerProcess) -> None:
        self._child = child
        self.pid = int(child.pid or 0)

    def poll(self) -> int | None:
        return self._child.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._child.join(timeout)
        assert self._child.exitcode is not None, f"it runs on after {timeout} s"
        return self._child.exitcode

    def kill(self) -> None:
        self._child.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def forked(folder: Path, **settings: Any) -> ServerProcess:
    return ForkedServer(folder, **settings)


def _serve(
    run: Callable[[], None],
    environment: dict[str, str],
    log: Path,
    output: Connection,
) -> None:
    os.dup2(output.fileno(), 1)
    output.close()
    with log.open("ab") as errors:
        os.dup2(errors.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    with cheap_passwords():
        run()
