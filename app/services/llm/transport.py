"""The way to one upstream: keeps connections, keeps deadlines."""

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_json

from app.http1.connection import (
    Broken,
    Call,
    Connection,
    Malformed,
    Overlong,
    TimedOut,
)
from app.http1.response import Response
from app.services.llm.connect import Route
from app.services.llm.failures import StatusError

KEEP_SECONDS = 30.0  # shorter than servers and firewalls in between do
ERROR_BYTES = 65_536
ERROR_SECONDS = 2.0


class Transport:
    """All connections to one upstream, shared by all threads.

    The last one used is the next one used: few stay open, and TLS is set up rarely.
    ``head`` is what each request starts with, up to the value of its length.
    """

    def __init__(
        self, route: Route, head: bytes, *, tls: Callable[[], ssl.SSLContext]
    ) -> None:
        self._route = route
        self._head = head
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: deque[Connection] = deque()
        self._closed = False

    def post(self, payload: Mapping[str, Any], call: Call) -> Response:
        """Ask, and return the answer's start; give it back to ``release``.

        Raises ``StatusError`` and the errors of ``connection``.
        """
        body = _json(payload)
        data = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        connection = self._send(data, call)
        try:
            response = Response(connection, call)
        except BaseException:
            connection.close()
            raise
        try:
            if not 200 <= response.status < 300:  # noqa: PLR2004
                body = _error(response, call)
                raise StatusError(response.status, response.headers, _parsed(body))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Malformed
        except BaseException:
            self.release(response)
            raise
        return response

    def release(self, response: Response) -> None:
        """Keep the connection if nothing is left to come on it, else close it."""
        connection = response.connection
        if not response.reusable:
            connection.close()
            return
        now = time.monotonic()
        connection.idle_since = now
        stale = []
        with self._lock:
            if self._closed:
                stale.append(connection)
            else:
                self._idle.append(connection)
                while self._idle[0].idle_since < now - KEEP_SECONDS:
                    stale.append(self._idle.popleft())
        for old in stale:
            old.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
        for connection in idle:
            connection.close()

    def _send(self, data: bytes, call: Call) -> Connection:
        """Send on a connection that is alive, else on a new one.

        An idle connection may turn out dead while we send. As the upstream then
        lacks part of the request, it cannot have acted on it, and a new connection
        may be tried. Once all is sent, only the caller may decide to ask again.
        """
        while (connection := self._take_idle()) is not None:
            if self._sent(connection, data, call):
                return connection
            connection.close()
        connection = self._route.connect(call, self._system_tls)
        self._sent(connection, data, call)  # if not, the answer may say why
        return connection

    @staticmethod
    def _sent(connection: Connection, data: bytes, call: Call) -> bool:
        try:
            return connection.send(data, call)
        except BaseException:
            connection.close()
            raise

    def _take_idle(self) -> Connection | None:
        oldest = time.monotonic() - KEEP_SECONDS
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.idle_since >= oldest and not connection.dead:
                return connection
            connection.close()

    def _system_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


def _json(payload: Mapping[str, Any]) -> bytes:
    try:
        return to_json(payload)
    except ValueError:  # half a character is in it
        return json.dumps(payload, ensure_ascii=False).encode(errors="replace")


def _error(response: Response, call: Call) -> bytes:
    """Return the start of an error's text, however it goes on."""
    call.deadline = min(call.deadline, time.monotonic() + ERROR_SECONDS)
    text = b""
    try:
        while len(text) < ERROR_BYTES and (block := response.read()):
            text += block
    except (TimedOut, Broken, Overlong):
        pass
    return text[:ERROR_BYTES]


def _parsed(body: bytes) -> object:
    text = body.decode(errors="replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
