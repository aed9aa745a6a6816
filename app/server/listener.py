"""Takes connections, and makes room for new ones."""

import errno
import heapq
import logging
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from waitress.server import TcpWSGIServer

from app.server.channel import Channel, serving
from app.server.sockets import Sockets

log = logging.getLogger(__name__)

ROOM = 20  # of so many connections one is closed, the longest idle
NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)
PAUSE = 1.0
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 24\r\n\r\n"
    b"too many connections\r\n\r\n"
)


class Listener(TcpWSGIServer):
    channel_class = Channel
    _map: Sockets

    def __init__(self, *args: Any, stopping: threading.Event, **named: Any) -> None:
        self.stopping = stopping
        self._paused_until = 0.0
        super().__init__(*args, **named)

    def readable(self) -> bool:
        return self.accepting and time.monotonic() >= self._paused_until

    def handle_accept(self) -> None:
        if len(self._map) >= self.adj.connection_limit and not self._make_room():
            self._refuse()
        else:
            super().handle_accept()

    def accept(self) -> Any:
        try:
            return super().accept()
        except OSError as exc:
            if exc.errno in NO_MORE_FILES and not self._make_room():
                self._paused_until = time.monotonic() + PAUSE
            raise

    def accept_all(self) -> None:
        """Take every connection that waits."""
        connections = -1
        while connections < len(self._map):
            connections = len(self._map)
            self.handle_accept()

    def pull_trigger(self) -> None:
        """Wake the loop, if what a request thread did to its channel matters to it."""
        channel = serving.channel
        channel.left_over = channel.total_outbufs_len > 0
        if self._map.has_changed(channel):
            self.trigger.pull_trigger()

    def _make_room(self) -> bool:
        """Close the longest idle, first those that never asked for anything."""
        idle = [c for c in self.active_channels.values() if c.is_idle]
        oldest = heapq.nsmallest(
            max(1, self.adj.connection_limit // ROOM),
            idle,
            key=lambda channel: (channel.served, channel.last_activity),
        )
        for channel in oldest:
            channel.handle_close()
        if oldest:
            log.info("idle connections closed", extra={"connections": len(oldest)})
        return bool(oldest)

    def _refuse(self) -> None:
        with suppress(OSError):
            connection, _ = self.socket.accept()
            with connection:
                connection.setblocking(False)
                connection.send(REFUSAL)
                connection.shutdown(socket.SHUT_WR)
