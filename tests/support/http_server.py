"""Our HTTP server around a small WSGI app, and raw clients of it."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from app.server.http_server import HttpServer, Wsgi

WITHIN = 10.0
LARGEST_BODY = 100_000


@contextmanager
def serving(app: Wsgi, *, threads: int = 4, **named: Any) -> Iterator[HttpServer]:
    server = HttpServer(
        app,
        host="127.0.0.1",
        port=0,
        threads=threads,
        largest_body=LARGEST_BODY,
        **{"stopping": threading.Event()} | named,
    )
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            server.run_once()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        server.wake()
        thread.join()
        server.close()


def echo(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Answer with what was asked for and sent."""
    sent = environ["wsgi.input"].read()
    body = environ["REQUEST_METHOD"].encode() + environ["PATH_INFO"].encode() + sent
    start(
        "200 OK", [("Content-Type", "text/plain"), ("Content-Length", f"{len(body)}")]
    )
    return [body]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WITHIN)


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received
