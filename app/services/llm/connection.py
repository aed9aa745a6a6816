"""HTTP/1.1 connections on which no step outlasts its call.

A read timeout alone is no deadline: who drips a byte now and then never meets it.
So each step, down to each ``recv``, gets what is left of the call's time.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

PIECE = 65_536


class TimedOut(Exception):
    """The call's time is over, or one of its steps took too long."""


class Unreachable(Exception):
    """No connection came about: nothing was sent."""


class Broken(Exception):
    """The connection ended before the answer did.

    ``answered``: some of the answer had come.
    """

    def __init__(self, *, answered: bool) -> None:
        super().__init__()
        self.answered = answered


class Malformed(Exception):
    """What came is not HTTP, or in an encoding that we did not ask for."""


class Overlong(Exception):
    """More came than we read of any answer."""


class Call:
    """The time and the bytes that one call may take.

    ``deadline`` is an instant of ``time.monotonic()``; ``patience`` is for the next
    step alone, and changes as the call goes on.
    """

    __slots__ = ("bytes_left", "connect_time", "deadline", "patience", "started")

    def __init__(
        self, *, deadline: float, connect_time: float, patience: float, max_bytes: int
    ) -> None:
        self.deadline = deadline
        self.connect_time = connect_time
        self.patience = patience
        self.bytes_left = max_bytes
        self.started = False

    def wait(self, limit: float) -> float:
        left = min(limit, self.deadline - time.monotonic())
        if left <= 0:
            raise TimedOut
        return left


class Connection:
    """One socket to the upstream, used for one call at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.idle_since = 0.0

    @property
    def dead(self) -> bool:
        """Whether the other side has closed, or speaks without being asked."""
        self._sock.setblocking(False)
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            pass
        return True

    def send(self, data: bytes, call: Call) -> bool:
        """Send all of it; False: the other side stopped listening on the way."""
        view = memoryview(data)
        while view:
            self._sock.settimeout(call.wait(call.patience))
            try:
                view = view[self._sock.send(view) :]
            except TimeoutError:
                raise TimedOut from None
            except OSError:
                return False
        return True

    def answer(self, call: Call) -> http.client.HTTPResponse:
        """Read the head of the answer."""
        source = _Source(self._sock, call)
        response = http.client.HTTPResponse(source, method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
        except (TimedOut, Overlong):
            raise
        except (http.client.RemoteDisconnected, OSError):
            raise Broken(answered=call.started) from None
        except (http.client.HTTPException, ValueError):
            raise Malformed from None
        return response

    def close(self) -> None:
        self._sock.close()


def pieces(response: http.client.HTTPResponse, call: Call) -> Iterator[bytes]:
    """Yield the body as it comes; a body cut short raises ``Broken``."""
    try:
        while piece := response.read1(PIECE):
            yield piece
    except (http.client.HTTPException, OSError, ValueError):
        raise Broken(answered=call.started) from None
    if response.length:
        raise Broken(answered=True)


class _Source:
    """What ``HTTPResponse`` takes for a socket."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._reader = _Reader(sock, call)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader, PIECE)


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, call: Call) -> None:
        self._sock = sock
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        call = self._call
        self._sock.settimeout(call.wait(call.patience))
        try:
            count = self._sock.recv_into(buffer)
        except TimeoutError:
            raise TimedOut from None
        except ssl.SSLError:
            raise ConnectionResetError from None
        if count:
            call.started = True
            call.bytes_left -= count
            if call.bytes_left < 0:
                raise Overlong
        return count
