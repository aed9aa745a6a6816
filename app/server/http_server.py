"""Waitress's parser and channels, on our own loop, threads and limits."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments

from app.server.bodies import Bodies
from app.server.channel import Channel, Patience
from app.server.files import allow_many_files
from app.server.listener import Listener
from app.server.pool import ThreadPool
from app.server.sockets import Sockets

CONNECTIONS = 2000
LOOK_AGAIN = 1.0
SEND_BUFFER = 64 * 1024
BODY_IN_MEMORY = 128 * 1024  # more goes to a temporary file
BODIES_TOGETHER = 1024**3
ANSWER_IN_MEMORY = 256 * 1024
PEER_SILENT = 30

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class HttpServer:
    """Serves a WSGI app on an address. Raises OSError, ValueError for a bad one.

    ``larger_bodies`` are paths that take more than ``largest_body``, in bytes. The
    large bodies that are there at the same time have ``bodies_together``, and a
    further one gets 503.
    All methods but ``wake`` belong to one thread, the loop's.
    """

    def __init__(
        self,
        app: Wsgi,
        *,
        host: str,
        port: int,
        threads: int,
        largest_body: int,
        larger_bodies: Mapping[str, int] | None = None,
        stopping: threading.Event,
        bodies_together: int = BODIES_TOGETHER,
        connections: int = CONNECTIONS,
        patience: Patience | None = None,
    ) -> None:
        adjustments = Adjustments(
            host=host,
            port=port,
            connection_limit=min(connections, allow_many_files() // 2),
            max_request_body_size=largest_body,
            inbuf_overflow=BODY_IN_MEMORY,
            outbuf_overflow=ANSWER_IN_MEMORY,
            channel_request_lookahead=2,  # shows that a waiting client has gone
            ident=None,
        )
        adjustments.socket_options = _socket_options()
        adjustments.larger_bodies = larger_bodies or {}
        adjustments.bodies = Bodies(most=bodies_together, in_memory=BODY_IN_MEMORY)
        self._patience = patience or Patience()
        self._look_after_at = 0.0
        self._sockets = Sockets()
        self._pool = ThreadPool(most=threads)
        self._listeners = [
            Listener(
                app,
                self._sockets,
                dispatcher=self._pool,
                adj=adjustments,
                sockinfo=place,
                stopping=stopping,
            )
            for place in adjustments.listen
        ]
        self.port = int(self._listeners[0].effective_port)

    def run_once(self, timeout: float = LOOK_AGAIN) -> None:
        """Handle what happens next, for so many seconds at the most."""
        self._sockets.run_once(min(timeout, self._patience.every))
        now = time.monotonic()
        if now >= self._look_after_at:
            self._look_after_at = now + self._patience.every
            for listener in self._listeners:
                self._sockets.ask(listener)
            for channel in self.channels():
                channel.look_after(now, self._patience)

    def wake(self) -> None:
        """End the wait of ``run_once``; from any thread or signal handler."""
        self._listeners[0].trigger.pull_trigger()

    def channels(self) -> list[Channel]:
        return [s for s in self._sockets.values() if isinstance(s, Channel)]

    def stop_listening(self) -> None:
        """Take what has connected by now, and refuse what comes after."""
        for listener in self._listeners:
            listener.accept_all()
            wasyncore.dispatcher.close(listener)  # its trigger still wakes the loop

    def close_idle(self, *, fresh: float) -> None:
        """Close connections without a request, unless so few seconds old."""
        now = time.monotonic()
        for channel in self.channels():
            if channel.is_idle and (channel.served or now - channel.began >= fresh):
                channel.handle_close()

    def close(self) -> None:
        self._pool.shutdown()
        self._sockets.close()


def _socket_options() -> list[tuple[int, int, int]]:
    """Return options of each connection: small buffers, and dead peers noticed."""
    options = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ]
    only_on_some_systems = {
        "TCP_KEEPIDLE": PEER_SILENT,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": PEER_SILENT * 1000,
    }
    for name, value in only_on_some_systems.items():
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
