"""A model that does not answer holds the turns' threads, and not the house."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.services.thread_shares import stream_share, turn_share
from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.processes import ServerProcess, started
from tests.support.running import PASSWORD
from tests.support.upstream import Upstream
from tests.support.waiting import until

THREADS = 16
TURNS, STREAMS = turn_share(THREADS), stream_share(THREADS)
PERSON = {"email": "a@example.com", "password": PASSWORD}
WITHIN = 1.0  # a fifth of it is promised, on a machine with nothing else to do


@pytest.fixture
def silent_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=60)) as upstream:
        yield upstream


@pytest.fixture
def server(tmp_path: Path, silent_model: Upstream) -> Iterator[ServerProcess]:
    url = silent_model.base_url
    with started(
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

        with server.client() as http:
            for n in range(3):
                with soon():
                    refused = bot.post(f"late{n}")
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "busy"
                assert int(refused.headers["Retry-After"]) > 0
                with soon():
                    token = http.post("/auth/login", json=PERSON).json()["token"]
                owner = {"Authorization": f"Bearer {token}"}
                for path in ("/readyz", "/chats/list"):
                    with soon():
                        assert http.get(path, headers=owner).status_code == 200
        server.kill()
        assert all(isinstance(one.exception(), httpx2.HTTPError) for one in stuck)


def test_long_polls_and_streams_hold_only_their_share(server: ServerProcess) -> None:
    bot = Bots(server, create_bot(server))
    with ThreadPoolExecutor(STREAMS + 1) as pool:
        polls = [pool.submit(bot.poll) for _ in range(STREAMS + 1)]
        until(lambda: any(poll.done() for poll in polls))
        refused = next(poll.result() for poll in polls if poll.done())
        with server.client() as http, soon():
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
        body = {"id": contact, "message_service": "test", "message": "Hello"}
        with self._server.client(**self._headers) as http:
            return http.post("/chats/enviarMensagemLLM", json=body)

    def poll(self) -> httpx2.Response:
        with self._server.client(**self._headers) as http:
            return http.get("/chats/outbox", params={"wait": 25})


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < WITHIN
