"""One client's connection: what waitress does with it, and how long it may take."""

import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel

from app.server.parts import Parser, RequestTimeout, Task

RESET = struct.pack("ii", 1, 0)

serving = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds a client may take, and two looks at it more (``every``).

    ``request`` for a request's head, and for a body between two parts of it and at
    ``body_rate`` bytes a second; ``reading`` without taking any of an answer;
    ``idle`` between two requests.
    """

    every: float = 1
    request: float = 13
    body_rate: float = 1000
    reading: float = 30
    idle: float = 120


class Channel(HTTPChannel):
    """A connection that is let go when its client is too slow.

    How fast the client reads is seen by whether the system takes more for it: it
    holds at most SO_SNDBUF, and makes room for more a third of it at a time.
    """

    task_class = Task
    parser_class = Parser
    request: Any
    served = False
    head = b""
    left_over = False  # output that its request thread has left to the loop

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.began = time.monotonic()
        self._phase: tuple[str, Parser | None] | None = None
        self._phase_began = 0.0
        self._activity = self.last_activity
        self._quiet_since = 0.0
        self._body_since = 0.0
        self._body_before = 0

    @property
    def is_idle(self) -> bool:
        return not (self.requests or self.request or self.writable())

    def readable(self) -> bool:
        if self.requests and not self.left_over:
            return bool(len(self.requests) <= self.adj.channel_request_lookahead)
        return bool(super().readable())

    def writable(self) -> bool:
        if self.requests and not self.left_over:
            return bool(self.will_close or self.close_when_flushed)
        return bool(super().writable())

    def handle_write(self) -> None:
        self.left_over = False  # before: a request thread may set it meanwhile
        super().handle_write()
        if self.total_outbufs_len:
            self.left_over = True

    def write_soon(self, data: Any) -> int:
        if self.head:
            data, self.head = self.head + data, b""
        return int(super().write_soon(data))

    def service(self) -> None:
        self.served = True
        serving.channel = self
        super().service()
        serving.channel = None

    def look_after(self, now: float, patience: Patience) -> None:
        """End the connection, or the request, that has taken too long by ``now``."""
        phase = self._find_phase()
        if phase != self._phase:
            self._phase, self._phase_began = phase, now
            self._quiet_since = self._body_since = now
            self._body_before = 0
        elif self.last_activity != self._activity:
            self._quiet_since = now
        self._activity = self.last_activity
        quiet = now - self._quiet_since
        match phase[0]:
            case "sending" if quiet >= patience.reading:
                self._cut()
            case "head" if now - self._phase_began >= patience.request:
                self._time_out("the request's head came too slowly")
            case "body" if quiet >= patience.request or self._dribbles(now, patience):
                self._time_out("the request's body came too slowly")
            case "idle" if quiet >= patience.idle:
                self.handle_close()

    def _find_phase(self) -> tuple[str, Parser | None]:
        request = self.request
        if self.writable():
            return "sending", None
        if self.requests:
            return "working", None
        if request is None:
            return "idle", None
        return ("body" if request.headers_finished else "head"), request

    def _dribbles(self, now: float, patience: Patience) -> bool:
        """Tell whether too little of the body came, each time it may be told."""
        if now - self._body_since < patience.request:
            return False
        received = self.request.body_bytes_received
        slow = received - self._body_before < patience.body_rate * patience.request
        self._body_since, self._body_before = now, received
        return bool(slow)

    def _time_out(self, reason: str) -> None:
        with self.requests_lock:
            request, self.request = self.request, None
            request.error = RequestTimeout(reason)
            request.completed = True
            self.requests.append(request)
            self.server.add_task(self)

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002
        """Take any error of the socket for a client that has gone."""
        try:
            return int(super().send(data, do_close))
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def recv(self, buffer_size: int) -> bytes:
        try:
            return bytes(super().recv(buffer_size))
        except BlockingIOError:
            raise
        except OSError:
            self.handle_close()
            return b""

    def _cut(self) -> None:
        """Close it and forget what it has not taken."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.handle_close()

    def handle_close(self) -> None:
        if getattr(serving, "channel", None) is None:
            if self.request:
                self.request.close()  # what has come of it
            super().handle_close()
        else:  # on a request thread: the loop closes it
            self.will_close = True
