"""The SDK's way to the network: keeps connections, keeps deadlines."""

import http.client
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator

import httpx2

from app.services.llm.connect import route
from app.services.llm.connection import (
    Broken,
    Call,
    Connection,
    Overlong,
    TimedOut,
    pieces,
)

KEEP_SECONDS = 30.0  # shorter than servers and firewalls in between do
ERROR_BYTES = 65_536
ERROR_SECONDS = 2.0


class _Current(threading.local):
    call: Call | None = None


class Transport(httpx2.BaseTransport):
    """All connections to one upstream, shared by all threads.

    The last one used is the next one used: few stay open, and TLS is set up rarely.
    """

    def __init__(self, base_url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._route = route(base_url)
        self._tls = tls
        self._current = _Current()
        self._lock = threading.Lock()
        self._idle: deque[Connection] = deque()
        self._closed = False

    def begin(self, call: Call) -> None:
        """Say what this thread's next request may take."""
        self._current.call = call

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        call, self._current.call = self._current.call, None
        if call is None:
            raise RuntimeError("begin() comes before each request")
        data = self._bytes_of(request)
        connection = self._send(data, call)
        try:
            response = connection.answer(call)
        except BaseException:
            connection.close()
            raise
        wanted = ("content-encoding", "retry-after", "retry-after-ms")
        headers = [(name, response.getheader(name)) for name in wanted]
        return httpx2.Response(
            response.status,
            headers=[(name, value) for name, value in headers if value],
            stream=Body(self, connection, response, call),
        )

    def keep(self, connection: Connection) -> None:
        """Take back a connection whose answer was read to its end."""
        now = time.monotonic()
        connection.idle_since = now
        with self._lock:
            if self._closed:
                stale = [connection]
            else:
                self._idle.append(connection)
                stale = []
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
        """Verify with the system's certificates, or those of ``SSL_CERT_FILE``."""
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _bytes_of(self, request: httpx2.Request) -> bytes:
        target = request.url.raw_path
        lines = [b"%b: %b" % pair for pair in request.headers.raw]
        if self._route.absolute:
            target = str(request.url.copy_with(userinfo=b"")).encode()
            if self._route.proxy and self._route.proxy.authorization:
                login = self._route.proxy.authorization.encode()
                lines.append(b"Proxy-Authorization: " + login)
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise ValueError("A header holds a line end.")
        first = b"%b %b HTTP/1.1" % (request.method.encode(), target)
        return b"\r\n".join([first, *lines, b"", request.read()])


class Body(httpx2.SyncByteStream):
    """The bytes of one answer, as they come."""

    def __init__(
        self,
        transport: Transport,
        connection: Connection,
        response: http.client.HTTPResponse,
        call: Call,
    ) -> None:
        self._transport = transport
        self._connection: Connection | None = connection
        self._response = response
        self._call = call
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        refused = self._response.status >= http.client.MULTIPLE_CHOICES
        return self._error() if refused else self._pieces()

    def close(self) -> None:
        """Keep the connection if nothing is left to come on it, else close it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._response.close()
        if self._whole and not self._response.will_close:
            self._transport.keep(connection)
        else:
            connection.close()

    def _pieces(self) -> Iterator[bytes]:
        yield from pieces(self._response, self._call)
        self._whole = True

    def _error(self) -> Iterator[bytes]:
        """Yield the start of an error's text, however it goes on."""
        now = time.monotonic()
        self._call.deadline = min(self._call.deadline, now + ERROR_SECONDS)
        left = ERROR_BYTES
        try:
            for chunk in self._pieces():
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    return
        except (TimedOut, Broken, Overlong):
            return
