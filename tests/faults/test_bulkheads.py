"""A model that does not answer holds the turns' threads, and not the house."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx2
import pytest

from app.services.thread_shares import stream_share, turn_share
from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.upstream import Upstream
from tests.support.waiting import until

THREADS = 16
TURNS, STREAMS = turn_share(THREADS), stream_share(THREADS)
PERSON = {"email": "a@example.com", "password": PASSWORD}
LATE = 7
# The promises are for most requests: the median, as a busy test machine delays some.
REFUSED_WITHIN, ANSWERED_WITHIN = 0.2, 0.3


@pytest.fixture
def silent_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=60)) as upstream:
        yield upstream


@pytest.fixture
def server(tmp_path: Path, silent_model: Upstream) -> Iterator[ServerProcess]:
    url = silent_model.base_url
    with forked(
        tmp_path, llm_provider="openai", openai_base_url=url, threads=THREADS
    ) as made:
        yield made


def test_with_every_turn_stuck_further_ones_are_busy_and_the_rest_answers(
    server: ServerProcess, silent_model: Upstream
) -> None:
    bot = Bots(server, create_bot(server))
    with ThreadPoolExecutor(TURNS) as pool:
        stuck = [pool.submit(bot.post, f"c{n}") for n in range(TURNS)]
        until(lambda: len(silent_model.requests) == TURNS)

        refusing: list[float] = []
        answering: list[float] = []
        signing_in: list[float] = []
        with server.client() as http:
            token = http.post("/auth/login", json=PERSON).json()["token"]
            owner = {"Authorization": f"Bearer {token}"}
            for n in range(LATE):
                with timed(refusing):
                    refused = bot.ask(http, f"late{n}")
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "busy"
                assert int(refused.headers["Retry-After"]) > 0
                with timed(signing_in):
                    signed_in = http.post("/auth/login", json=PERSON)
                assert signed_in.status_code == 200
                for path in ("/readyz", "/chats/list"):
                    with timed(answering):
                        assert http.get(path, headers=owner).status_code == 200
        assert median(refusing) <= REFUSED_WITHIN
        assert median(answering) <= ANSWERED_WITHIN
        assert median(signing_in) <= ANSWERED_WITHIN
        server.kill()
        assert all(isinstance(one.exception(), httpx2.HTTPError) for one in stuck)


def test_long_polls_and_streams_hold_only_their_share(server: ServerProcess) -> None:
    bot = Bots(server, create_bot(server))
    with ThreadPoolExecutor(STREAMS + 1) as pool:
        polls = [pool.submit(bot.poll) for _ in range(STREAMS + 1)]
        until(lambda: any(poll.done() for poll in polls))
        refused = next(poll.result() for poll in polls if poll.done())
        with server.client() as http:
            assert http.get("/readyz").status_code == 200
        server.terminate()
        answers = [poll.result() for poll in polls]

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "busy"
    assert sorted(a.status_code for a in answers) == [200] * STREAMS + [503]


class Bots:
    def __init__(self, server: ServerProcess, key: str) -> None:
        self._server = server
        self._headers = {"X-API-Key": key}

    def post(self, contact: str) -> httpx2.Response:
        with self._server.client() as http:
            return self.ask(http, contact)

    def ask(self, http: httpx2.Client, contact: str) -> httpx2.Response:
        body = {"id": contact, "message_service": "test", "message": "Hello"}
        path = "/chats/enviarMensagemLLM"
        return http.post(path, json=body, headers=self._headers)

    def poll(self) -> httpx2.Response:
        with self._server.client(**self._headers) as http:
            return http.get("/chats/outbox", params={"wait": 25})


@contextmanager
def timed(took: list[float]) -> Iterator[None]:
    began = time.monotonic()
    yield
    took.append(time.monotonic() - began)
