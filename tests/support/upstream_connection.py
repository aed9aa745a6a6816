"""One connection to the scripted upstream: parses requests, plays answers."""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator
from typing import Protocol

from tests.support.behaviour import Behaviour, Body, Cut, Pause, Step


class Server(Protocol):
    loop: asyncio.AbstractEventLoop

    def joined(self, connection: "ClientConnection") -> int: ...

    def left(self, connection: "ClientConnection") -> None: ...

    def behave(
        self, path: str, head: list[bytes], body: Body, number: int
    ) -> Behaviour: ...


class ClientConnection(asyncio.Protocol):
    """One client: parses requests and plays the steps of the answer."""

    def __init__(self, upstream: Server) -> None:
        self._upstream = upstream
        self._received = bytearray()
        self._steps: Iterator[Step] | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._number = self._upstream.joined(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._upstream.left(self)
        self._steps = None
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._begin()

    def _begin(self) -> None:
        """Answer the next request, if it is whole and the one before is answered."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._steps is not None:
            return
        first, *head = bytes(self._received[:end]).split(b"\r\n")
        size = next(
            (int(h[15:]) for h in head if h[:15].lower() == b"content-length:"), 0
        )
        if len(self._received) < end + 4 + size:
            return
        body = _parsed(bytes(self._received[end + 4 : end + 4 + size]))
        del self._received[: end + 4 + size]
        path = first.split(b" ")[1].decode("latin-1")
        behaviour = self._upstream.behave(path, head, body, self._number)
        self._steps = behaviour.steps(body)
        self._play()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._timer is None:
            self._play()

    def cut(self, *, reset: bool) -> None:
        if reset and (sock := self._transport.get_extra_info("socket")):
            linger = struct.pack("ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        self._transport.close()

    def _play(self) -> None:
        """Write up to the next pause, in as few segments as possible."""
        self._timer = None
        ready: list[bytes] = []
        size = 0
        while self._steps is not None and not self._paused:
            step = next(self._steps, None)
            if isinstance(step, bytes):
                ready.append(step)
                size += len(step)
                if size < 65_536:
                    continue
            if ready:
                self._transport.write(b"".join(ready))
                ready, size = [], 0
            if step is None:
                self._steps = None
                self._begin()
                return
            if isinstance(step, Pause):
                loop = self._upstream.loop
                self._timer = loop.call_later(step.seconds, self._play)
                return
            if isinstance(step, Cut):
                if step.reset:  # let what was written arrive first
                    loop = self._upstream.loop
                    self._timer = loop.call_later(0.02, lambda: self.cut(reset=True))
                else:
                    self.cut(reset=False)
                return


def _parsed(raw: bytes) -> Body:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
