"""Connections on which no step outlasts its call.

A read timeout alone is no deadline: who drips a byte now and then never meets it.
So each step, down to each ``recv``, gets what is left of the call's time.
"""

import select
import socket
import ssl
import time

BLOCK = 16_384  # one TLS record


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
        self._timeout: float | None = None
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self.idle_since = 0.0

    @property
    def dead(self) -> bool:
        """Whether the other side has closed, or speaks without being asked."""
        if not self._readable.poll(0):
            return False
        self._limit(0)
        try:
            self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False  # TLS has messages of its own
        except OSError:
            pass
        return True

    def send(self, data: bytes, call: Call) -> bool:
        """Send all of it; False: the other side stopped listening on the way."""
        view = memoryview(data)
        while view:
            self._limit(call.wait(call.patience))
            try:
                view = view[self._sock.send(view) :]
            except TimeoutError:
                raise TimedOut from None
            except OSError:
                return False
        return True

    def receive(self, call: Call) -> bytes:
        """Return what comes next, as soon as it comes; nothing: that was all.

        Raises ``TimedOut``, ``Broken`` and ``Overlong``.
        """
        self._limit(call.wait(call.patience))
        try:
            block = self._sock.recv(BLOCK)
        except TimeoutError:
            raise TimedOut from None
        except OSError:
            raise Broken(answered=call.started) from None
        if block:
            call.started = True
            call.bytes_left -= len(block)
            if call.bytes_left < 0:
                raise Overlong
        return block

    def close(self) -> None:
        self._sock.close()

    def _limit(self, seconds: float) -> None:
        if seconds != self._timeout:  # setting it costs a system call
            self._sock.settimeout(seconds)
            self._timeout = seconds
