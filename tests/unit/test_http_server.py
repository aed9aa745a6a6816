"""Our server speaks HTTP as waitress does, and its loop misses nothing."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from waitress import wasyncore
from waitress.server import create_server

from tests.support.http_server import (
    LARGEST_BODY,
    connect,
    echo,
    read_to_end,
    read_until,
    serving,
)
from tests.support.waiting import until

HOST = b"Host: a\r\n"
END = b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
REQUESTS = {
    "one": END,
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HTTP/1.0 kept": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + END,
    "HEAD": b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n" + END,
    "pipelined": (b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n") * 20 + END,
    "a body": b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello" + END,
    "chunks": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n3;x=y\r\n you\r\n0\r\nTrailer: t\r\n\r\n" + END,
    "expecting": b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    b"hi" + END,
    "blank lines": b"\r\n\r\n" + END,
    "no version": b"GET /\r\n\r\n",
    "no request": b"\x16\x03\x01\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "bad chunk": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    "too large": b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
}


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Return the ports of waitress and of ours around the same app."""
    sockets: dict[int, Any] = {}
    over = threading.Event()
    waitress = create_server(
        echo,
        map=sockets,
        host="127.0.0.1",
        port=0,
        max_request_body_size=LARGEST_BODY,
        ident=None,
    )

    def loop() -> None:
        while not over.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = threading.Thread(target=loop)
    thread.start()
    with serving(echo) as ours:
        yield waitress.effective_port, ours.port
    over.set()
    thread.join()
    waitress.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("size", [1_000_000, 7])
def test_it_answers_as_waitress_does(
    ports: tuple[int, int], name: str, size: int
) -> None:
    answers = []
    for port in ports:
        with connect(port) as client:
            request = REQUESTS[name]
            step = max(size, len(request) // 1000)
            with suppress(BrokenPipeError, ConnectionResetError):
                for at in range(0, len(request), step):
                    client.sendall(request[at : at + step])
            answers.append(re.sub(rb"Date: .*\r\n", b"", read_to_end(client)))

    assert answers[1] == answers[0] != b""


def test_a_connection_is_used_again_and_again(ports: tuple[int, int]) -> None:
    with connect(ports[1]) as client:
        for n in range(2000):
            client.sendall(b"GET /%d. HTTP/1.1\r\n%s\r\n" % (n, HOST))
            read_until(client, b"GET/%d." % n)


def test_many_connections_at_once_all_get_their_answers(ports: tuple[int, int]) -> None:
    with ExitStack() as held:
        clients = [held.enter_context(connect(ports[1])) for _ in range(200)]
        for _ in range(10):
            for n, client in enumerate(clients):
                client.sendall(b"GET /%d. HTTP/1.1\r\n%s\r\n" % (n, HOST))
            for n, client in enumerate(clients):
                read_until(client, b"GET/%d." % n)


def test_what_has_closed_is_forgotten() -> None:
    with serving(echo) as server:
        for _ in range(50):
            with connect(server.port) as client:
                client.sendall(END)
                read_to_end(client)
            connect(server.port).close()
        until(lambda: not server.channels())


def test_once_it_is_to_end_answers_close_the_connection() -> None:
    stopping = threading.Event()
    with serving(echo, stopping=stopping) as server, connect(server.port) as client:
        client.sendall(b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"Connection: close" not in read_until(client, b"GET/1")
        stopping.set()
        client.sendall(b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"Connection: close\r\n" in read_to_end(client)
