"""Servers that are restarted one after the other, and clients that see nothing of it."""

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
from tests.support.processes import ServerProcess, started
from tests.support.upstream import Upstream

CLIENTS, ROUNDS = 8, 2


@pytest.fixture
def model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=0.2)) as upstream:
        yield upstream


@pytest.fixture
def servers(tmp_path: Path, model: Upstream) -> Iterator[list[ServerProcess]]:
    settings = {"llm_provider": "openai", "openai_base_url": model.base_url}
    with started(tmp_path, **settings) as one, started(tmp_path, **settings) as other:
        yield [one, other]


@pytest.mark.parametrize("probing", [True, False])
def test_no_request_fails_while_each_is_restarted_twice(
    servers: list[ServerProcess], model: Upstream, *, probing: bool
) -> None:
    headers = {"X-API-Key": create_bot(servers[0])}
    done = threading.Event()

    def talk(balancer: Balancer, contact: int) -> list[httpx2.Response | Exception]:
        answers: list[httpx2.Response | Exception] = []
        with httpx2.Client(
            base_url=balancer.base_url, headers=headers, timeout=60
        ) as bot:
            while not done.is_set():
                text = f"{contact}: {len(answers)}"
                body = {"id": str(contact), "message_service": "t", "message": text}
                try:
                    answers.append(bot.post("/chats/enviarMensagemLLM", json=body))
                except httpx2.HTTPError as exc:
                    answers.append(exc)
        return answers

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
        finally:
            done.set()
        answers = [answer for one in talks for answer in one.result()]

    assert codes == [0] * len(servers) * ROUNDS
    failed = [a for a in answers if isinstance(a, Exception) or a.status_code != 200]
    assert not failed
    assert len(answers) > CLIENTS * 10
    asked = Counter(r.body["messages"][-1]["content"] for r in model.requests)
    assert set(asked.values()) == {1}
    assert len(asked) == len(answers)
