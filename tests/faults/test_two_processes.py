"""Two server processes on one store answer as one."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.odd_server import running_alert
from tests.support.processes import ServerProcess
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.upstream import Upstream
from tests.support.waiting import until

CHATS, MESSAGES = 4, 6


@pytest.fixture
def model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=0.05)) as upstream:
        yield upstream


@pytest.fixture(params=BACKENDS)
def servers(
    tmp_path: Path, request: pytest.FixtureRequest, model: Upstream
) -> Iterator[list[ServerProcess]]:
    settings = {
        "llm_provider": "openai",
        "openai_base_url": model.base_url,
        **store_settings(request, request.param),
    }
    with (
        running_alert(tmp_path, **settings) as one,
        running_alert(tmp_path, **settings) as other,
    ):
        yield [one, other]


def test_messages_of_a_chat_are_answered_in_order_and_once(
    servers: list[ServerProcess], model: Upstream
) -> None:
    headers = {"X-API-Key": create_bot(servers[0])}
    bodies = [
        {
            "id": f"c{chat}",
            "message_service": "test",
            "message": f"chat {chat} message {n}",
            "message_id": str(n),
        }
        for n in range(MESSAGES)
        for chat in range(CHATS)
    ]
    clients: list[httpx2.Client] = []

    def post(number: int) -> httpx2.Response:
        """Send each message to both, as a webhook that is delivered twice."""
        body = bodies[number // 2]
        answer = clients[number % 2].post("/chats/enviarMensagemLLM", json=body)
        while answer.status_code == 409:
            time.sleep(0.05)
            answer = clients[number % 2].post("/chats/enviarMensagemLLM", json=body)
        return answer

    with (
        servers[0].client(**headers) as one,
        servers[1].client(**headers) as other,
        ThreadPoolExecutor(len(bodies) * 2) as bots,
    ):
        clients += one, other
        answers = list(bots.map(post, range(len(bodies) * 2)))

    assert [each.text for each in answers if each.status_code != 200] == []
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        assert first.json() == second.json()
    asked = [r.body["messages"] for r in model.requests]
    assert len(asked) == len(bodies)
    for chat in range(CHATS):
        # Each prompt but the first of a chat ends with the exchange before it.
        of_chat = [m for m in asked if m[-1]["content"].startswith(f"chat {chat} ")]
        for before, after in pairwise(of_chat):
            assert after[-3] == before[-1]
            assert after[-2]["role"] == "assistant"


def test_twenty_messages_of_a_contact_at_once_are_all_answered_in_order(
    servers: list[ServerProcess], model: Upstream
) -> None:
    """Who is told that the chat is busy finds the answer in the outbox."""
    model.always(Behaviour(delay=0.2))
    headers = {"X-API-Key": create_bot(servers[0])}
    texts = [f"message {n}" for n in range(20)]
    with (
        servers[0].client(**headers) as one,
        servers[1].client(**headers) as other,
        ThreadPoolExecutor(len(texts)) as bots,
    ):

        def post(n: int) -> httpx2.Response:
            body = {"id": "c", "message_service": "t", "message_id": texts[n]}
            return (one, other)[n % 2].post(
                "/chats/enviarMensagemLLM", json=body | {"message": texts[n]}
            )

        def status_of(text: str) -> str:
            found = one.get(f"/chats/c/messages/{text}")
            assert found.status_code == 200
            return str(found.json()["status"])

        answers = list(bots.map(post, range(len(texts))))
        busy = {
            text
            for text, answer in zip(texts, answers, strict=True)
            if answer.status_code == 503
        }
        assert {status_of(text) for text in busy} <= {"pending", "answered"}
        until(lambda: all(status_of(text) == "answered" for text in texts), seconds=60)
        delivered = other.get("/chats/outbox").json()

    assert {a.status_code for a in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["error"]["code"] == "chat_busy"
            assert int(answer.headers["Retry-After"]) >= 1
    asked = [r.body["messages"] for r in model.requests]
    assert sorted(m[-1]["content"] for m in asked) == sorted(texts)
    for before, after in pairwise(asked):
        assert after[-3] == before[-1]
        assert after[-2]["content"] == f"Answer to: {before[-1]['content']}"
    in_order = [m[-1]["content"] for m in asked if m[-1]["content"] in busy]
    assert [d["text"] for d in delivered] == [f"Answer to: {text}" for text in in_order]
