"""Ten thousand clients that are connected, and one that works."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPResponse
from pathlib import Path

import pytest

import main
from app.server import serving
from app.server.files import allow_many_files
from app.server.http_server import HttpServer
from app.server.listener import ROOM
from tests.support.forked import ForkedServer
from tests.support.http_server import connect
from tests.support.memory import memory_of
from tests.support.waiting import until

CLIENTS = 10_000
FILES = 2 * CLIENTS  # the server takes half of what it may open
NOT_CLIENTS = 2  # the listener and its trigger
MEGABYTES = 250
AT_ONCE = 500  # of the 1,024 that the system lets wait to be accepted
BEGUN, REST = b"GET /readyz HTTP/1.1\r\n", b"Host: a\r\n\r\n"
OK = 200


def run() -> None:
    serving.__dict__["HttpServer"] = partial(HttpServer, connections=CLIENTS)
    main.main()


class WideServer(ForkedServer):
    """A server that takes as many connections as there are clients here."""

    run = staticmethod(run)


@pytest.fixture(scope="module", autouse=True)
def enough_files() -> Iterator[None]:
    """Let this process have so many connections, as long as it needs them."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = allow_many_files()
    if most < FILES and os.environ.get("CI") != "true":
        pytest.skip(f"{FILES} open files are needed, and {most} may be had")
    assert most >= FILES
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WideServer]:
    with WideServer(tmp_path) as made:
        yield made


def test_the_longest_idle_make_room_and_those_that_ask_are_refused_beyond_the_limit(
    server: WideServer,
) -> None:
    port = int(server.base_url.rpartition(":")[2])
    with ExitStack() as opened:
        active = opened.enter_context(connect(port))
        assert ask(active) == OK
        clients = []
        for number in range(CLIENTS - NOT_CLIENTS - 1):
            clients.append(opened.enter_context(connect(port)))
            if number % AT_ONCE == 0:
                assert ask(active) == OK
        assert ask(active) == OK
        assert open_of(clients) == clients

        late = opened.enter_context(connect(port))
        assert ask(late) == OK
        assert ask(active) == OK
        clients = open_of(clients)
        made_room = CLIENTS // ROOM
        assert len(clients) == CLIENTS - NOT_CLIENTS - 1 - made_room

        clients += [opened.enter_context(connect(port)) for _ in range(made_room - 1)]
        for client in [*clients, late]:
            client.sendall(BEGUN)
        assert ask(active) == OK
        active.sendall(BEGUN)
        until(
            lambda: not any(unread_from(port, c) for c in (active, clients[-1], late))
        )
        with connect(port) as refused:
            assert ask(refused, b"") == 503
        assert ask(active, REST) == OK
        assert ask(late, REST) == OK
        assert memory_of(server.process.pid, "VmHWM") <= MEGABYTES


def ask(client: socket.socket, request: bytes = BEGUN + REST) -> int:
    """Send a request, or what is left of it, and return the answer's status."""
    client.sendall(request)
    with HTTPResponse(client) as answer:
        answer.begin()
        answer.read()
        return answer.status


def unread_from(port: int, client: socket.socket) -> bool:
    """Say whether the server has still to read what this client has sent."""
    ends = f":{port:04X}", f":{client.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines():
        _, local, remote, _, queues, *_ = line.split()
        if (local[-5:], remote[-5:]) == ends:
            return not queues.endswith(":00000000")
    raise AssertionError("the connection is gone")


def open_of(clients: list[socket.socket]) -> list[socket.socket]:
    """Return those that the server has not closed."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    ended = {number for number, _ in poll.poll(0)}
    return [client for client in clients if client.fileno() not in ended]
