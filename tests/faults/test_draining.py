"""The seconds between the order to stop and the end."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from app.server.draining import drain
from app.server.http_server import HttpServer
from app.server.serving import MOVING_ON
from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.http_server import LARGEST_BODY, connect, echo, read_to_end
from tests.support.processes import ServerProcess, started
from tests.support.upstream import Upstream
from tests.support.waiting import until

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def silent_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=60)) as upstream:
        yield upstream


@pytest.fixture
def process(tmp_path: Path, silent_model: Upstream) -> Iterator[ServerProcess]:
    url = silent_model.base_url
    with started(tmp_path, llm_provider="openai", openai_base_url=url) as made:
        yield made


def test_meanwhile_it_is_not_ready_but_serves_and_then_refuses(
    process: ServerProcess,
) -> None:
    with process.client() as kept, process.client() as other:
        assert kept.get("/readyz").json()["status"] == "ready"
        process.process.send_signal(signal.SIGTERM)
        until(lambda: other.get("/readyz").status_code == 503)
        probe = other.get("/readyz")
        answer = kept.get("/openapi.json")

    assert probe.json()["status"] == "stopping"
    assert int(probe.headers["Retry-After"]) > 0
    assert answer.status_code == 200
    assert answer.headers["Connection"] == "close"
    assert process.process.wait(timeout=10) == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{process.base_url}/healthz")


def test_in_a_shell_an_open_connection_does_not_delay_the_end(
    process: ServerProcess,
) -> None:
    with process.client() as kept:
        kept.get("/healthz")
        began = time.monotonic()
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(timeout=10) == 0

    assert time.monotonic() - began < MOVING_ON


def test_a_second_signal_ends_it_whatever_runs(
    process: ServerProcess, silent_model: Upstream
) -> None:
    headers = {"X-API-Key": create_bot(process)}
    body = {"id": "c", "message_service": "test", "message": "Hello"}

    def post() -> None:
        with process.client(**headers) as bot, pytest.raises(httpx2.HTTPError):
            bot.post("/chats/enviarMensagemLLM", json=body)

    with ThreadPoolExecutor(1) as bots:
        posted = bots.submit(post)
        until(lambda: silent_model.requests)
        process.process.send_signal(signal.SIGTERM)
        with process.client() as http:
            until(lambda: http.get("/readyz").status_code == 503)
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(timeout=10) == 0
        posted.result()


class Draining:
    """A server that is being drained in a thread."""

    def __init__(self) -> None:
        self.idle = True
        self.stopping = threading.Event()
        self.server = HttpServer(
            echo,
            host="127.0.0.1",
            port=0,
            threads=2,
            largest_body=LARGEST_BODY,
            stopping=self.stopping,
        )
        self.pool = ThreadPoolExecutor(1)

    def begin(self, *, moving_on: float, finishing: float = 10) -> "Future[bool]":
        self.stopping.set()
        return self.pool.submit(
            drain,
            self.server,
            is_idle=lambda: self.idle,
            moving_on=moving_on,
            finishing=finishing,
        )


@pytest.fixture
def draining() -> Iterator[Draining]:
    made = Draining()
    yield made
    made.pool.shutdown()
    made.server.close()


def test_what_still_runs_at_the_end_is_left(draining: Draining) -> None:
    draining.idle = False

    assert draining.begin(moving_on=0, finishing=0.3).result() is False


def test_with_nobody_there_it_is_over_at_once(draining: Draining) -> None:
    began = time.monotonic()

    assert draining.begin(moving_on=60, finishing=60).result() is True

    assert time.monotonic() - began < 5


def test_a_connection_may_still_ask_while_clients_move_on(draining: Draining) -> None:
    with connect(draining.server.port) as first:
        over = draining.begin(moving_on=2)
        with connect(draining.server.port) as second:
            for client in (first, second):
                client.sendall(GET)
                assert read_to_end(client).endswith(b"GET/x")
        assert over.result() is True


def test_a_request_that_has_begun_may_end(draining: Draining) -> None:
    with connect(draining.server.port) as client:
        client.sendall(GET[:10])
        over = draining.begin(moving_on=0.1)
        until(lambda: not draining.server._listeners[0].accepting)
        client.sendall(GET[10:])
        assert read_to_end(client).endswith(b"GET/x")
        assert over.result() is True


def test_who_has_connected_last_is_still_answered(draining: Draining) -> None:
    """What waits to be accepted is taken before the door closes."""
    with connect(draining.server.port) as late:
        over = draining.begin(moving_on=0.001)
        until(lambda: not draining.server._listeners[0].accepting)
        late.sendall(GET)
        assert read_to_end(late).endswith(b"GET/x")
        assert over.result() is True


def test_idle_connections_are_closed_when_clients_have_moved_on(
    draining: Draining,
) -> None:
    with connect(draining.server.port) as idle:
        over = draining.begin(moving_on=0.1)
        assert read_to_end(idle) == b""
        assert over.result() is True
