"""Web sites on loopback addresses, and readers that may read some of them.

``GOOD`` is an address that readers here are allowed; 127.0.0.1 is not, and who
connects to a site there is counted.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_network
from types import TracebackType
from typing import Self

import pytest

from app.fetching.addresses import AddressGuard
from app.fetching.fetch import Fetched, Fetcher
from app.fetching.networks import Address
from app.http1.connection import Call

GOOD = "127.0.0.2"
HOME = "127.0.0.1"
MB = 1024 * 1024
WITHIN = 10.0

Page = bytes | Callable[[socket.socket], None]


class Site:
    """A server of scripted pages; ``heads`` are the requests as they came."""

    def __init__(self, address: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.heads: list[str] = []
        self.connections = 0
        self._address = address
        self._tls = tls
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]

    def url(self, path: str = "/", host: str | None = None) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host or self._address}:{self.port}{path}"

    def on_name(self, heard: Callable[[str], None]) -> None:
        """Tell which name a TLS client asks for."""
        assert self._tls
        self._tls.sni_callback = lambda _socket, name, _context: heard(name)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WITHIN)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,)).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(WITHIN)
        with suppress(OSError), client:  # the reader leaves when it has enough
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65_536) or b"\r\n\r\n"
                if not head.startswith(b"GET "):
                    return
            self.heads.append(head.decode())
            with client:
                self._answer(client, head.split(b" ")[1].decode())

    def _answer(self, client: socket.socket, path: str) -> None:
        page = self.pages[path]
        if isinstance(page, bytes):
            client.sendall(page)
        else:
            page(client)


class Names:
    """Look-ups as scripted: answers one after the other, the last one for ever."""

    def __init__(self, names: Mapping[str, Iterable[str | tuple[str, ...]]]) -> None:
        self._answers = {name: list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, _call: Call) -> list[Address]:
        self.asked.append(host)
        answers = self._answers.get(host, [()])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        found = (answer,) if isinstance(answer, str) else answer
        return [ip_address(address) for address in found]


def answer(
    body: bytes = b"", *headers: str, status: str = "200 OK", length: bool = True
) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def leading_to(location: str) -> bytes:
    return answer(b"", f"Location: {location}", status="302 Found")


@contextmanager
def one_page_everywhere() -> Iterator[None]:
    """Let every address hold the same page, in this process, without asking it."""

    def fetch(_: Fetcher, url: str, **_how: object) -> Fetched:
        page = b"<h1>Hours</h1><p>From nine to five."
        return Fetched(data=page, content_type="text/html", charset=None, final_url=url)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fetcher, "fetch", fetch)
        yield


def reader(
    names: Names | None = None,
    *,
    allowed: str = f"{GOOD}/32",
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> Fetcher:
    guard = AddressGuard(
        own_host="chat.example.com",
        allowed=[ip_network(allowed)],
        resolver=names or Names({}),
    )
    return Fetcher(guard=guard, tls=tls)


def read(url: str, fetcher: Fetcher | None = None, **how: float) -> Fetched:
    return (fetcher or reader()).fetch(
        url,
        accept="text/html",
        most_bytes=int(how.get("most_bytes", MB)),
        seconds=how.get("seconds", WITHIN),
    )
