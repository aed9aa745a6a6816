"""Connections to the upstream, directly or through the environment's proxy.

``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` are honoured, with ``http://``
proxies.
"""

import base64
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from app.http1.connection import Call, Connection, TimedOut, Unreachable
from app.http1.dialing import dial, look_up
from app.http1.response import Response

Tls = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    authorization: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """How the upstream is reached."""

    host: str
    port: int
    secure: bool
    proxy: Proxy | None

    @property
    def absolute(self) -> bool:
        """Whether requests name the whole URL, as plain HTTP proxies want it."""
        return self.proxy is not None and not self.secure

    def connect(self, call: Call, tls: Tls) -> Connection:
        """Open a connection within the call's time for it.

        Raises ``TimedOut`` or ``Unreachable``.
        """
        until = time.monotonic() + call.wait(call.connect_time)
        ends = Call(deadline=until, connect_time=0, patience=60, max_bytes=65_536)
        target = self.proxy or self
        sock = dial(look_up(target.host, target.port, ends), ends)
        try:
            if self.secure:
                if self.proxy:
                    self._tunnel(self.proxy, sock, ends)
                sock.settimeout(ends.wait(60))
                sock = tls().wrap_socket(sock, server_hostname=self.host)
        except TimeoutError:
            sock.close()
            raise TimedOut from None
        except OSError:
            sock.close()
            raise Unreachable from None
        except BaseException:
            sock.close()
            raise
        return Connection(sock)

    def _tunnel(self, proxy: Proxy, sock: socket.socket, call: Call) -> None:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        connection = Connection(sock)
        connection.send("\r\n".join([*lines, "", ""]).encode(), call)
        try:
            response = Response(connection, call)
        except TimedOut:
            raise
        except Exception:  # noqa: BLE001 - whatever it says, it is no tunnel
            raise Unreachable from None
        if response.status != HTTPStatus.OK:
            raise Unreachable


def route(url: str) -> Route:
    """Return the way to an address; raises ``ValueError`` if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("An upstream has an http or https address.")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Route(parts.hostname, port, secure, _proxy(parts.scheme, parts.hostname))


def _proxy(scheme: str, host: str) -> Proxy | None:
    given = getproxies().get(scheme)
    if not given or proxy_bypass(host):
        return None
    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("Only http:// proxies are supported.")
    login = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, parts.port or 80, login)
