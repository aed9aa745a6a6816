"""Somebody who follows live events."""

import http.client
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.support.processes import ServerProcess
from tests.support.running import Person, Server

WITHIN = 15.0


@dataclass(frozen=True, kw_only=True)
class Frame:
    """An event, by the name of a reader in a browser; ``id`` is the latest so far."""

    name: str
    data: Any
    id: str


class Listener:
    """Reads a stream of events on a thread of its own until it ends."""

    def __init__(
        self, base_url: str, query: dict[str, str], headers: dict[str, str]
    ) -> None:
        host = base_url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=WITHIN * 2)
        path = f"/events?{urlencode(query)}" if query else "/events"
        self._connection.request("GET", path, headers=headers)
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = self._answer.headers
        self.lines: list[str] = []
        self.id = ""
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self._thread.start()

    def next(self, name: str | None = None) -> Frame:
        """Return the next event, or the next of this name."""
        while True:
            with self._changed:
                assert self._changed.wait_for(lambda: self._frames, WITHIN), self.lines
                frame = self._frames.popleft()
            if name in {None, frame.name}:
                return frame

    def next_text(self, *texts: str) -> list[str]:
        """Return texts of messages, one message after the other, up to these last."""
        told: list[str] = []
        while tuple(told[-len(texts) :]) != texts:
            told.append(self.next("message").data["text"])
        return told

    def next_ready(self, *names: str) -> list[Frame]:
        """Return the documents told until those of these names have been ready."""
        told: list[Frame] = []
        while set(names) - {f.data["filename"] for f in told if is_ready(f)}:
            told.append(self.next("document"))
        return told

    def all_until(self, text: str) -> list[Frame]:
        """Return what comes up to the ``chat`` after a message with this text."""
        frames: list[Frame] = []
        while not any(frame.data.get("text") == text for frame in frames):
            frames.append(self.next())
        while frames[-1].name != "chat":
            frames.append(self.next())
        return frames

    def wait_for_line(self, line: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: line in self.lines, WITHIN)

    def pending(self) -> list[Frame]:
        with self._changed:
            return list(self._frames)

    def seconds_to_end(self) -> float:
        start = time.monotonic()
        assert self.ended.wait(WITHIN), self.lines
        return time.monotonic() - start

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._thread.is_alive():
            self._thread.join()
        self._answer.close()
        self._connection.close()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(OSError, http.client.HTTPException, ValueError):
            while raw := self._answer.readline():
                line = raw.decode().rstrip("\n")
                with self._changed:
                    self.lines.append(line)
                    if line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                    else:
                        self._dispatch(fields)
                        fields = {}
                    self._changed.notify_all()
        self.ended.set()

    def _dispatch(self, fields: dict[str, str]) -> None:
        self.id = fields.get("id", self.id)
        if "data" in fields:
            name, data = fields.get("event", "message"), json.loads(fields["data"])
            self._frames.append(Frame(name=name, data=data, id=self.id))


def is_ready(frame: Frame) -> bool:
    return bool(frame.data["status"] == "ready")


@contextmanager
def listening(
    server: Server | ServerProcess,
    person: Person | None = None,
    *,
    headers: dict[str, str] | None = None,
    **query: str,
) -> Iterator[Listener]:
    """Follow the events at a server; the stream is open when the block begins."""
    credential = {"Authorization": f"Bearer {person.token}"} if person else {}
    listener = Listener(server.base_url, query, credential | (headers or {}))
    try:
        if listener.status == 200:
            listener.wait_for_line(": still here")
        yield listener
    finally:
        listener.close()
