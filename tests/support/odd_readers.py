"""A child whose reader does what the file says: harm of every kind."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from app.extraction import formats
from app.extraction.__main__ import main
from app.extraction.draft import Draft
from app.extraction.formats import Format, Reader


def odd(data: bytes, draft: Draft) -> None:
    what, _, value = data.decode().partition(" ")
    getattr(Odd, what)(value, draft)


class Odd:
    @staticmethod
    def eat(_value: str, _draft: Draft) -> None:
        eaten = []
        while True:
            eaten.append(bytearray(10 * 1024**2))

    @staticmethod
    def loop(_value: str, _draft: Draft) -> None:
        while True:
            pass

    @staticmethod
    def sleep(value: str, _draft: Draft) -> None:
        Path(value).touch() if value else None
        time.sleep(600)

    @staticmethod
    def write(_value: str, draft: Draft) -> None:
        while True:
            draft.line("x" * 1000)

    @staticmethod
    def flood(_value: str, _draft: Draft) -> None:
        while True:
            sys.stdout.buffer.write(b"x" * 100_000)

    @staticmethod
    def chatter(_value: str, _draft: Draft) -> None:
        while True:
            sys.stdout.buffer.write(b'{"done":1,"of":null}\n' * 1000)

    @staticmethod
    def signal(value: str, _draft: Draft) -> None:
        os.kill(os.getpid(), signal.Signals[value])

    @staticmethod
    def leave(_value: str, _draft: Draft) -> None:
        os._exit(3)

    @staticmethod
    def nonsense(_value: str, _draft: Draft) -> None:
        sys.stdout.write("{nonsense\n")
        sys.stdout.flush()

    @staticmethod
    def store(value: str, draft: Draft) -> None:
        try:
            with Path(value).open("wb") as file:
                file.write(b"x")
        except OSError as exc:
            draft.line(f"refused {exc.errno}")

    @staticmethod
    def surroundings(_value: str, draft: Draft) -> None:
        draft.line(" ".join(sorted(os.environ)))
        draft.line(f"nice {os.nice(0)}")
        draft.line(" ".join(name for name in sys.modules if name in {"flask", "apsw"}))

    @staticmethod
    def progress(_value: str, draft: Draft) -> None:
        draft.progress(1, 2)
        draft.line("done")

    @staticmethod
    def descriptors(_value: str, draft: Draft) -> None:
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
            try:
                socket.socket(fileno=os.dup(int(name))).getpeername()
            except OSError:
                continue
            draft.line("a socket")
        draft.line("looked")


class OddFormat(Format):
    def reader(self) -> Reader:
        return odd


if __name__ == "__main__":
    formats.FORMATS["odd"] = OddFormat("", "", lambda _data: None)  # type: ignore[index]
    main(sys.argv[1:])
