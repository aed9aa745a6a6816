"""Hundreds of clients that are slow at the same time, and one that is not."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

from app.server.channel import Patience
from app.server.http_server import ANSWER_IN_MEMORY
from tests.support.http_server import (
    WITHIN,
    connect,
    echo,
    read_to_end,
    read_until,
    serving,
)
from tests.support.memory import memory
from tests.support.waiting import until

REQUESTS, READERS = 500, 200
HEAD = b"GET / HTTP/1.1\r\nX: "
BODY = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"x" * 1_000_000
SPARE = 20  # megabytes


def test_slow_requests_hold_no_thread_and_each_is_let_go() -> None:
    patience = Patience(every=0.1, request=1)
    with serving(echo, threads=1, patience=patience) as server, ExitStack() as held:
        slow = [held.enter_context(connect(server.port)) for _ in range(REQUESTS)]
        for number, client in enumerate(slow):
            client.sendall(BODY if number % 2 else HEAD)
        other = held.enter_context(connect(server.port))
        other.sendall(GET)
        read_until(other, b"GET/x")
        for client in slow:
            assert b" 408 Request Timeout\r\n" in read_to_end(client)


def test_slow_readers_hold_little_memory_and_each_is_let_go() -> None:
    patience = Patience(every=0.1, reading=1)
    with serving(give, patience=patience) as server, ExitStack() as held:
        before = most = memory()
        other = held.enter_context(connect(server.port))
        readers = [held.enter_context(narrow(server.port)) for _ in range(READERS)]
        until(lambda: len(server.channels()) == 1 + READERS)
        for reader in readers:
            reader.sendall(GET.replace(b"/x", b"/large"))

        def are_let_go() -> bool:
            nonlocal most
            most = max(most, memory())
            for reader in readers:
                with suppress(BlockingIOError, ConnectionResetError):
                    reader.recv(1)
            other.sendall(GET)
            read_until(other, b"GET/x")
            return len(server.channels()) == 1

        until(are_let_go)

    assert most - before <= READERS * ANSWER_IN_MEMORY / 2**20 + SPARE


def give(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/large":
        return echo(environ, start)
    start("200 OK", [("Content-Length", f"{len(LARGE)}")])
    return [LARGE]


def narrow(port: int) -> socket.socket:
    """Connect with a small buffer, so that it is the server that holds an answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(WITHIN)
    client.connect(("127.0.0.1", port))
    client.setblocking(False)
    return client
