"""SIGTERM: what runs is finished, and the process ends with 0."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.api.test_turn import parse_events
from tests.support.behaviour import Behaviour
from tests.support.processes import ServerProcess, started
from tests.support.running import PASSWORD
from tests.support.upstream import Upstream


@pytest.fixture
def slow_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=1.5)) as upstream:
        yield upstream


@pytest.fixture
def server(tmp_path: Path, slow_model: Upstream) -> Iterator[ServerProcess]:
    with started(
        tmp_path, llm_provider="openai", openai_base_url=slow_model.base_url
    ) as made:
        yield made


def test_running_turns_are_answered_before_the_end(
    server: ServerProcess, slow_model: Upstream
) -> None:
    key = create_bot(server)
    answers: dict[str, httpx2.Response] = {}

    def post(contact: str, accept: str) -> None:
        body = {"id": contact, "message_service": "test", "message": "Hello"}
        with server.client(**{"X-API-Key": key, "Accept": accept}) as bot:
            answers[contact] = bot.post("/chats/enviarMensagemLLM", json=body)

    threads = [
        threading.Thread(target=post, args=(f"c{n}", kind))
        for n, kind in enumerate(["application/json"] * 4 + ["text/event-stream"] * 4)
    ]
    for thread in threads:
        thread.start()
    while len(slow_model.requests) < len(threads):
        time.sleep(0.02)

    code = server.terminate()

    for thread in threads:
        thread.join()
    assert code == 0
    assert {a.status_code for a in answers.values()} == {200}
    for n in range(4):
        assert answers[f"c{n}"].json()["status"] == "answered"
        assert parse_events(answers[f"c{n + 4}"].text)[-1][0] == "done"


def test_turns_left_behind_come_before_the_end(
    server: ServerProcess, slow_model: Upstream
) -> None:
    slow_model.always(Behaviour(delay=0.3))
    headers = {"X-API-Key": create_bot(server)}
    texts = [f"message {n}" for n in range(14)]

    def post(text: str) -> httpx2.Response:
        body = {"id": "c", "message_service": "test", "message": text}
        return bot.post("/chats/enviarMensagemLLM", json=body)

    with server.client(**headers) as bot, ThreadPoolExecutor(len(texts)) as bots:
        posts = [bots.submit(post, text) for text in texts]
        while not any(one.done() and one.result().status_code == 503 for one in posts):
            time.sleep(0.02)
        assert server.terminate() == 0
        answers = [one.result() for one in posts]

    busy = [a.json()["error"]["code"] for a in answers if a.status_code == 503]
    assert set(busy) == {"chat_busy"}
    assert {a.status_code for a in answers} == {200, 503}
    asked = [r.body["messages"][-1]["content"] for r in slow_model.requests]
    assert sorted(asked) == sorted(texts)


def test_an_idle_server_stops_at_once_and_refuses_afterwards(
    server: ServerProcess,
) -> None:
    began = time.monotonic()

    assert server.terminate() == 0

    assert time.monotonic() - began < 5
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.base_url}/healthz")


def create_bot(server: ServerProcess) -> str:
    """Register somebody and return the key of an assistant of theirs."""
    person = {"email": "a@example.com", "password": PASSWORD}
    with server.client() as http:
        http.post("/auth/register", json={"name": "A"} | person).raise_for_status()
        token = http.post("/auth/login", json=person).json()["token"]
        made = http.post(
            "/assistants/add",
            json={"name": "Bot", "history": {"messages": 2}},
            headers={"Authorization": f"Bearer {token}"},
        )
    return str(made.json()["api_key"])
