"""kill -9 in the middle of turns: nothing is lost, nothing is answered twice."""

import random
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.http_client import client_of
from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.upstream import Upstream

TURNS = 200
KILLS = {"embedded": 3, "wire": 2}
CONTACTS = 150  # so that some chats have messages waiting


@dataclass(kw_only=True)
class Sent:
    """A contact's message, and the answer that its bot has seen."""

    contact: str
    text: str
    answer: dict[str, Any] | None = None

    def body(self) -> dict[str, str]:
        return {
            "id": self.contact,
            "message_service": "test",
            "message": self.text,
            "message_id": self.text,
        }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_acknowledged_message_is_lost_and_none_is_answered_twice(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    kills = KILLS.get(backend, KILLS["wire"])
    everything: list[Sent] = []
    seen = 0
    with (
        Upstream(usual=Behaviour(delay=0.3)) as upstream,
        forked(
            tmp_path,
            llm_provider="openai",
            openai_base_url=upstream.base_url,
            log_level="WARNING",
            **store_settings(request, backend),
        ) as server,
        ThreadPoolExecutor(TURNS) as bots,
    ):
        key, token = _set_up(server)
        for n in range(kills):
            sent = [
                Sent(contact=f"c{i % CONTACTS}", text=f"round {n} message {i}")
                for i in range(TURNS)
            ]
            with _http(server, key) as http:
                posts = [bots.submit(_post_once, http, one) for one in sent]
                time.sleep(random.uniform(0.2, 1.6))
                server.kill()
                wait(posts)
            acknowledged = {one.text: one.answer for one in sent if one.answer}
            seen += len(acknowledged)
            server.start()
            with _http(server, key) as http:
                again = [bots.submit(_post_again, http, one) for one in sent]
                for post in again:
                    post.result()
            for one in sent:
                if before := acknowledged.get(one.text):
                    assert one.answer == before
            everything += sent
        assert 0 < seen < len(everything)  # else nothing was in mid-turn
        timelines = _timelines(server, token)
        assert server.terminate() == 0

    for one in everything:
        timeline = timelines[one.contact]
        asked = [m for m in timeline if m["text"] == one.text]
        assert [m["status"] for m in asked] == ["answered"], one
        assert one.answer is not None
        replies = [
            m
            for m in timeline
            if m["author"] == "assistant" and m["text"] == one.answer["response"]
        ]
        assert [m["_id"] for m in replies] == [one.answer["response_id"]], one
        assert replies[0]["status"] == "sent"
    for timeline in timelines.values():
        seqs = [m["seq"] for m in timeline]
        assert seqs == sorted(set(seqs))
        assert {m["status"] for m in timeline} <= {"answered", "sent"}


def _set_up(server: ServerProcess) -> tuple[str, str]:
    with server.client() as http:
        person = {"email": "a@example.com", "password": PASSWORD}
        http.post("/auth/register", json={"name": "A"} | person).raise_for_status()
        token = http.post("/auth/login", json=person).json()["token"]
        made = http.post(
            "/assistants/add",
            json={"name": "Bot", "history": {"messages": 2}},
            headers={"Authorization": f"Bearer {token}"},
        )
        return made.json()["api_key"], token


def _http(server: ServerProcess, key: str) -> httpx2.Client:
    return client_of(
        server.base_url,
        headers={"X-API-Key": key},
        timeout=60,
        limits=httpx2.Limits(max_connections=TURNS),
    )


def _post_once(http: httpx2.Client, one: Sent) -> None:
    try:
        answer = http.post("/chats/enviarMensagemLLM", json=one.body())
    except httpx2.HTTPError:
        return
    if answer.status_code == 200:
        one.answer = answer.json()


def _post_again(http: httpx2.Client, one: Sent) -> None:
    """Send a message again until it is answered, as a bot would."""
    give_up = time.monotonic() + 60
    while True:
        answer = http.post("/chats/enviarMensagemLLM", json=one.body())
        assert answer.status_code in {200, 409, 503}, answer.text
        if answer.status_code == 200:
            one.answer = answer.json()
            return
        assert time.monotonic() < give_up, answer.text
        time.sleep(0.5)


def _timelines(server: ServerProcess, token: str) -> dict[str, list[dict[str, Any]]]:
    with server.client(Authorization=f"Bearer {token}") as http:
        chats = http.get("/chats/list").json()
        return {
            chat["channel"]["id"]: http.get(f"/chats/{chat['_id']}/messages").json()
            for chat in chats
        }
