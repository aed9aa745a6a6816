"""Clients that are slow, silent or gone, and those beside them."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from app.routes.connection import client_gone
from app.server.channel import Patience
from app.server.http_server import HttpServer
from tests.support.http_server import (
    LARGEST_BODY,
    connect,
    echo,
    read_to_end,
    read_until,
    serving,
)
from tests.support.waiting import until

HASTY = Patience(every=0.1, request=0.5, reading=0.5)
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
HUGE = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n"


@pytest.fixture(scope="module")
def hasty() -> Iterator[HttpServer]:
    with serving(echo, patience=HASTY) as server:
        yield server


@pytest.mark.parametrize(
    "begun", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", POST, POST + b"a", CHUNKED + b"5"]
)
def test_a_request_that_does_not_go_on_is_answered_408(
    hasty: HttpServer, begun: bytes
) -> None:
    with connect(hasty.port) as slow:
        slow.sendall(begun)
        answer = read_to_end(slow)

    assert b" 408 Request Timeout\r\n" in answer
    assert b"Content-Type: text/plain" in answer


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nX: ", POST])
def test_a_request_that_dribbles_in_is_answered_408(
    hasty: HttpServer, head: bytes
) -> None:
    with connect(hasty.port) as slow:
        slow.sendall(head)
        slow.settimeout(0.1)
        answer = b""
        for _ in range(100):
            slow.sendall(b"a")
            try:
                answer = slow.recv(4096)
                break
            except TimeoutError:
                continue

    assert b" 408 Request Timeout\r\n" in answer


def test_a_request_that_comes_steadily_is_let_in(hasty: HttpServer) -> None:
    with connect(hasty.port) as steady:
        steady.sendall(POST.replace(b"1000", b"15000"))
        for _ in range(15):
            steady.sendall(b"a" * 1000)
            time.sleep(0.2)
        assert read_until(steady, b"a" * 15000).startswith(b"HTTP/1.1 200 OK")


def test_a_connection_may_be_quiet_between_requests_for_longer() -> None:
    with (
        serving(echo, patience=Patience(every=0.1, request=0.2, idle=1.5)) as server,
        connect(server.port) as client,
    ):
        client.sendall(GET)
        read_until(client, b"GET/x")
        time.sleep(0.8)
        client.sendall(GET)
        read_until(client, b"GET/x")
        assert read_to_end(client) == b""


def test_a_reader_that_takes_nothing_is_cut_and_frees_its_thread() -> None:
    ended = threading.Event()

    def endless(_environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            ended.set()

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return (endless if environ["PATH_INFO"] == "/all" else echo)(environ, start)

    with (
        serving(app, threads=1, patience=HASTY) as server,
        connect(server.port) as stuck,
        connect(server.port) as next_one,
    ):
        stuck.sendall(GET.replace(b"/x", b"/all"))
        stuck.recv(1)
        next_one.sendall(GET)

        read_until(next_one, b"GET/x")

        assert ended.is_set()
        until(lambda: len(server.channels()) == 1)


def test_a_reader_that_goes_on_gets_it_all() -> None:
    size = 3_000_000

    def large(_environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", f"{size}")])
        return [b"x" * size]

    with (
        serving(large, patience=HASTY) as server,
        connect(server.port) as slow,
    ):
        slow.sendall(GET)
        received = len(read_until(slow, b"x")) - 1
        while received < size:
            received += len(slow.recv(200_000))
            time.sleep(0.1)


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"])
def test_a_body_announced_as_too_large_is_refused_before_it_comes(
    hasty: HttpServer, more: bytes
) -> None:
    with connect(hasty.port) as client:
        client.sendall(HUGE + more + b"\r\n")
        assert read_to_end(client).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (b"3e8\r\n" + b"a" * 1000 + b"\r\n", b"413"),
        (b"1" * 1000, b"400"),
        (b"0\r\nX: " + b"a" * 70_000, b"400"),
    ],
)
def test_a_chunked_body_without_end_is_refused_at_the_limit(
    hasty: HttpServer, part: bytes, status: bytes
) -> None:
    sent = 0
    with connect(hasty.port) as client:
        client.sendall(CHUNKED)
        try:
            while sent < 20 * LARGEST_BODY:
                client.sendall(part)
                sent += len(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert read_to_end(client).startswith(b"HTTP/1.1 " + status)


def test_idle_connections_make_room_for_active_ones() -> None:
    with serving(echo, connections=40) as server, ExitStack() as held:
        active = held.enter_context(connect(server.port))
        for _ in range(200):
            held.enter_context(connect(server.port))
            active.sendall(GET)
            read_until(active, b"GET/x")
        assert len(server.channels()) < 40


def test_beyond_the_connections_that_are_answered_one_is_refused() -> None:
    go_on = threading.Event()

    def waiting(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        go_on.wait(20)
        return echo(environ, start)

    with serving(waiting, connections=10) as server, ExitStack() as held:
        clients = [held.enter_context(connect(server.port)) for _ in range(8)]
        for client in clients:  # the listener and its trigger count too
            client.sendall(GET)
        until(lambda: sum(bool(c.requests) for c in server.channels()) == 8)
        late = held.enter_context(connect(server.port))
        late.sendall(GET)
        answer = read_to_end(late)
        go_on.set()
        for client in clients:
            read_until(client, b"GET/x")

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 3" in answer


def test_a_client_that_leaves_while_it_waits_is_noticed() -> None:
    app = Flask(__name__)
    noticed: list[bool] = []

    @app.get("/")
    def wait() -> str:
        gone = client_gone()
        noticed.append(gone())
        until(gone)
        noticed.append(gone())
        return ""

    with serving(app) as server:
        with connect(server.port) as client:
            client.sendall(GET.replace(b"/x", b"/"))
            until(lambda: noticed)
        until(lambda: len(noticed) == 2)

    assert noticed == [False, True]


def test_where_the_server_cannot_tell_the_client_is_there() -> None:
    app = Flask(__name__)
    with app.test_request_context():
        assert client_gone()() is False
