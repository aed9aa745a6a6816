"""Servers that are restarted one after the other, and clients that see nothing of it."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.balancer import Balancer
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.http_client import client_of
from tests.support.processes import ServerProcess
from tests.support.upstream import Upstream
from tests.support.waiting import until

CLIENTS, ROUNDS = 8, 2
BETWEEN = CLIENTS * 3  # answers


@pytest.fixture
def model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=0.2)) as upstream:
        yield upstream


@pytest.fixture
def servers(tmp_path: Path, model: Upstream) -> Iterator[list[ServerProcess]]:
    settings = {"llm_provider": "openai", "openai_base_url": model.base_url}
    with forked(tmp_path, **settings) as one, forked(tmp_path, **settings) as other:
        yield [one, other]


@pytest.mark.parametrize("probing", [True, False])
def test_no_request_fails_while_each_is_restarted_twice(
    servers: list[ServerProcess], model: Upstream, *, probing: bool
) -> None:
    headers = {"X-API-Key": create_bot(servers[0])}
    done = threading.Event()
    answers: list[httpx2.Response | Exception] = []

    def talk(balancer: Balancer, contact: int) -> None:
        with client_of(balancer.base_url, headers=headers, timeout=60) as bot:
            for number in itertools.count():
                if done.is_set():
                    return
                text = f"{contact}: {number}"
                body = {"id": str(contact), "message_service": "t", "message": text}
                try:
                    answers.append(bot.post("/chats/enviarMensagemLLM", json=body))
                except httpx2.HTTPError as exc:
                    answers.append(exc)

    def wait_for_answers(count: int) -> None:
        due = len(answers) + count
        until(lambda: len(answers) >= due, seconds=30)

    with (
        Balancer(servers, probing=probing) as balancer,
        ThreadPoolExecutor(CLIENTS) as bots,
    ):
        talks = [bots.submit(talk, balancer, n) for n in range(CLIENTS)]
        codes = []
        try:
            for server in servers * ROUNDS:
                codes.append(server.terminate())
                server.start()
                wait_for_answers(BETWEEN)
        finally:
            done.set()
        for one in talks:
            one.result()

    assert codes == [0] * len(servers) * ROUNDS
    failed = [a for a in answers if isinstance(a, Exception) or a.status_code != 200]
    assert not failed
    assert len(answers) > CLIENTS * 10
    asked = Counter(r.body["messages"][-1]["content"] for r in model.requests)
    assert set(asked.values()) == {1}
    assert len(asked) == len(answers)
