"""Large bodies of requests together take so much of the disk, and no more."""

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from app.server.http_server import BODY_IN_MEMORY, HttpServer
from tests.support.http_server import connect, read_to_end, read_until, serving
from tests.support.waiting import until

SIZE = 4 * BODY_IN_MEMORY
ROOM = 3  # for so many bodies of that size
END, DONE = b"the end", b"done"


class Held:
    """An app that answers when it may."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.go_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        self.began.release()
        self.go_on.wait(10)
        sent = environ["wsgi.input"].read()
        start("200 OK", [("Content-Length", f"{len(DONE)}")])
        return [DONE] if sent else []


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def server(held: Held) -> Iterator[HttpServer]:
    with serving(
        held,
        larger_bodies={"/large": 10 * SIZE},
        bodies_together=ROOM * SIZE + SIZE // 2,
        threads=8,
    ) as made:
        yield made
        held.go_on.set()


def begin(client: socket.socket, *, chunked: bool = False) -> None:
    """Send a body but for its end."""
    length = (
        "Transfer-Encoding: chunked"
        if chunked
        else f"Content-Length: {SIZE + len(END)}"
    )
    head = f"POST /large HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode()
    body = b"x" * SIZE
    client.sendall(head + (b"%x\r\n%b\r\n" % (SIZE, body) if chunked else body))


def refused(client: socket.socket) -> None:
    head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in head
    assert json.loads(body)["error"]["code"] == "busy"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_comes_while_others_fill_the_room_is_refused(
    server: HttpServer, held: Held, *, chunked: bool
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.port)) for _ in range(ROOM)]
        for client in clients:
            begin(client, chunked=chunked)
        until(lambda: received(server) == ROOM * SIZE)
        with connect(server.port) as late:
            begin(late, chunked=chunked)
            refused(late)
        with connect(server.port) as small:
            small.sendall(
                b"POST /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Length: 5\r\n\r\nhello"
            )
            held.go_on.set()
            assert read_to_end(small).endswith(DONE)
        for client in clients:
            client.sendall(b"0\r\n\r\n" if chunked else END)
            read_until(client, DONE)


def test_a_body_counts_until_its_request_is_answered(
    server: HttpServer, held: Held
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.port)) for _ in range(ROOM)]
        for client in clients:
            begin(client)
            client.sendall(END)
            assert held.began.acquire(timeout=10)
        with connect(server.port) as late:
            begin(late)
            refused(late)
        held.go_on.set()
        for client in clients:
            read_until(client, DONE)
        begin(clients[0])
        clients[0].sendall(END)
        read_until(clients[0], DONE)


def test_a_body_whose_client_has_gone_counts_no_more(
    server: HttpServer, held: Held
) -> None:
    held.go_on.set()
    for _ in range(2):
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port)) for _ in range(ROOM)]
            for client in clients:
                begin(client)
            until(lambda: received(server) == ROOM * SIZE)
        until(lambda: not server.channels())
    with connect(server.port) as client:
        begin(client)
        client.sendall(END)
        read_until(client, DONE)


def received(server: HttpServer) -> int:
    """Return how much of bodies has come that are not complete."""
    return sum(
        min(c.request.body_bytes_received, SIZE)
        for c in server.channels()
        if c.request is not None
    )
