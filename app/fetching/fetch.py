"""Reading what stands at an address, with a bound on everything."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from socket import AF_INET, AF_INET6, SOCK_STREAM
from urllib.parse import urljoin

from app.errors import (
    AddressRefused,
    AddressTooLarge,
    AddressTooSlow,
    AddressUnreadable,
)
from app.fetching.addresses import AddressGuard
from app.fetching.content_type import content_type
from app.fetching.decoding import ENCODINGS, Body, UnknownEncoding
from app.fetching.networks import Address
from app.fetching.targets import Target
from app.http1.connection import (
    Broken,
    Call,
    Connection,
    Malformed,
    Overlong,
    TimedOut,
    Unreachable,
)
from app.http1.dialing import dial
from app.http1.response import MOST_HEAD, Response

USER_AGENT = "Orquestradora"
MOST_REDIRECTS = 3
CONNECT_SECONDS = 10.0
_REDIRECTS = (301, 302, 303, 307, 308)
_FRAMING = 1.125  # bytes that come for each byte of a body in chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What stood at ``final_url``, where the redirects led.

    ``content_type`` is in small letters and without parameters; it and ``charset``
    are None when not told, or nonsense. ``charset`` is one that Python knows.
    """

    data: bytes
    content_type: str | None
    charset: str | None
    final_url: str


class Fetcher:
    """Reads addresses that pass the guard; threads may share one.

    It connects to what the guard vetted, itself: the environment's proxies, which
    would look names up again, are not used. It keeps no cookies and sends no
    credentials.
    """

    def __init__(
        self,
        *,
        guard: AddressGuard,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._guard = guard
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None

    def fetch(
        self, url: str, *, accept: str, most_bytes: int, seconds: float = 20.0
    ) -> Fetched:
        """GET ``url`` in at most ``seconds``, with all its redirects.

        ``accept`` is the header of that name; ``most_bytes`` counts before and after
        decoding. Raises ``AddressRefused``, ``AddressUnreadable`` and
        ``AddressTooLarge``.
        """
        deadline = time.monotonic() + seconds
        target = self._guard.check(url)
        for _ in range(MOST_REDIRECTS + 1):
            call = Call(
                deadline=deadline,
                connect_time=CONNECT_SECONDS,
                patience=seconds,
                max_bytes=MOST_HEAD + int(_FRAMING * most_bytes),
            )
            with _told(most_bytes), closing(self._connect(target, call)) as connection:
                connection.send(_request(target, accept), call)
                response = Response(connection, call)
                if not _leads_on(response):
                    return _read(response, target, most_bytes)
            target = self._guard.check(_next(target, response.headers["location"]))
        raise AddressUnreadable(reason="reason.address_redirects")

    def _connect(self, target: Target, call: Call) -> Connection:
        addresses = self._guard.resolve(target, call)
        until = time.monotonic() + call.wait(call.connect_time)
        ends = Call(deadline=until, connect_time=0, patience=0, max_bytes=0)
        sock = dial([_row(address, target.port) for address in addresses], ends)
        try:
            if target.secure:
                sock.settimeout(ends.wait(CONNECT_SECONDS))
                tls = self._system_tls()
                sock = tls.wrap_socket(sock, server_hostname=target.host)
        except TimeoutError:
            sock.close()
            raise TimedOut from None
        except ssl.SSLCertVerificationError:
            sock.close()
            raise AddressUnreadable(reason="reason.address_certificate") from None
        except OSError:
            sock.close()
            raise Unreachable from None
        except BaseException:
            sock.close()
            raise
        return Connection(sock)

    def _system_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


@contextmanager
def _told(most_bytes: int) -> Iterator[None]:
    """Tell callers in our own errors what went wrong on the connection."""
    try:
        yield
    except Overlong:
        limit = f"{most_bytes / 1024 / 1024:.3g} MB"
        raise AddressTooLarge(limit=limit) from None
    except TimedOut:
        raise AddressTooSlow(reason="reason.address_timeout") from None
    except Unreachable:
        raise AddressUnreadable(reason="reason.address_unreachable") from None
    except Broken:
        raise AddressUnreadable(reason="reason.address_broken") from None
    except Malformed:
        raise AddressUnreadable(reason="reason.address_malformed") from None
    except UnknownEncoding:
        raise AddressUnreadable(reason="reason.address_encoding") from None


def _request(target: Target, accept: str) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: {USER_AGENT}",
        f"Accept: {accept}",
        f"Accept-Encoding: {ENCODINGS}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _leads_on(response: Response) -> bool:
    return response.status in _REDIRECTS and "location" in response.headers


def _next(target: Target, location: str) -> str:
    """Return where a redirect leads; header bytes beyond ASCII are read as UTF-8."""
    try:
        location = location.encode("latin-1").decode()
        return urljoin(target.url, location)
    except ValueError:
        raise AddressRefused("field.address_form") from None


def _read(response: Response, target: Target, most_bytes: int) -> Fetched:
    headers = response.headers
    if response.status != HTTPStatus.OK:
        status = response.status
        raise AddressUnreadable(reason=f"HTTP {status}", http_status=status)
    if int(headers.get("content-length", 0)) > most_bytes:
        raise Overlong
    body = Body(headers.get("content-encoding", ""), most_bytes)
    while block := response.read():
        body.add(block)
    kind, charset = content_type(headers.get("content-type", ""))
    return Fetched(
        data=body.whole(), content_type=kind, charset=charset, final_url=target.url
    )


def _row(address: Address, port: int) -> tuple[object, ...]:
    """Return an address as ``getaddrinfo`` would."""
    family = AF_INET if address.version == 4 else AF_INET6  # noqa: PLR2004
    return family, SOCK_STREAM, 0, "", (str(address), port)
