"""Processes whose wall clocks are wrong: nothing is lost, doubled or out of order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.odd_server import running_late
from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.upstream import Upstream

POST = "/chats/enviarMensagemLLM"
PERSON = {"email": "a@example.com", "password": PASSWORD}
LONGER_THAN_LOOKS = 5.0  # after which a process would have been taken for dead


class Signed:
    """What a server has given out before the clocks went wrong."""

    def __init__(self, server: ServerProcess) -> None:
        self.key = {"X-API-Key": create_bot(server)}
        with server.client() as http:
            self.pair = http.post("/auth/login", json=PERSON).json()
        self.token = {"Authorization": f"Bearer {self.pair['token']}"}


@pytest.fixture
def model() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def post(
    server: ServerProcess, signed: Signed, text: str, contact: str = "c"
) -> httpx2.Response:
    body = {"id": contact, "message_service": "t", "message": text, "message_id": text}
    with server.client(**signed.key) as http:
        return http.post(POST, json=body)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_hour_ahead_and_an_hour_behind_answer_as_one(
    tmp_path: Path, request: pytest.FixtureRequest, model: Upstream, backend: str
) -> None:
    settings: dict[str, Any] = {
        "llm_provider": "openai",
        "openai_base_url": model.base_url,
        **store_settings(request, backend),
    }
    with running_late(tmp_path, -2, **settings) as before:
        signed = Signed(before)
        first = post(before, signed, "first").json()
    with (
        running_late(tmp_path, 1, **settings) as ahead,
        running_late(tmp_path, -1, **settings) as behind,
    ):
        assert abs(clock_of(ahead) - clock_of(behind)) > timedelta(hours=1.9)
        for server in (ahead, behind):
            with server.client(**signed.token) as http:
                assert http.get("/auth/me").status_code == 200
            assert post(server, signed, "first").json() == first
        texts = ["first"]
        for n, server in enumerate([ahead, behind, behind, ahead, behind]):
            texts.append(f"message {n}")
            assert post(server, signed, texts[-1]).json()["status"] == "answered"
        again = post(ahead, signed, texts[-1])
        assert again.headers["Idempotency-Replayed"] == "true"

        model.always(Behaviour(delay=LONGER_THAN_LOOKS))
        with ThreadPoolExecutor(2) as bots:
            slow = [
                bots.submit(post, server, signed, "slow", contact)
                for server, contact in ((ahead, "slow"), (behind, "slower"))
            ]
            assert {one.result().json()["status"] for one in slow} == {"answered"}
        model.always(Behaviour())

        with behind.client(**signed.token) as http:
            timeline = http.get(f"/chats/{first['chat_id']}/messages").json()
            chat = http.get(f"/chats/get/{first['chat_id']}").json()
            refresh = {"Authorization": f"Bearer {signed.pair['refresh_token']}"}
            assert http.post("/auth/refresh", headers=refresh).status_code == 200

    asked = [m["text"] for m in timeline if m["author"] == "contact"]
    assert asked == texts
    assert {m["status"] for m in timeline} == {"answered", "sent"}
    assert len(timeline) == 2 * len(asked)
    assert len(model.requests) == len(asked) + len(slow)
    assert chat["message"] == asked[-1]
    seqs = [m["seq"] for m in timeline]
    assert seqs == sorted(set(seqs))


def test_a_message_id_is_known_after_six_days_and_free_after_nine(
    tmp_path: Path, model: Upstream
) -> None:
    settings = {"llm_provider": "openai", "openai_base_url": model.base_url}
    with forked(tmp_path, **settings) as server:
        signed = Signed(server)
        first = post(server, signed, "copied").json()
    with forked(tmp_path, **settings) as server, ThreadPoolExecutor(8) as copies:
        again = list(copies.map(lambda _: post(server, signed, "copied"), range(8)))
    with running_late(tmp_path, 6 * 24, **settings) as server:
        later = post(server, signed, "copied")
    with running_late(tmp_path, 9 * 24, **settings) as server:
        new = post(server, signed, "copied").json()

    for answer in (*again, later):
        assert answer.json() == first
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert new["status"] == "answered"
    assert new["message_id"] != first["message_id"]
    assert len(model.requests) == 2


def clock_of(server: ServerProcess) -> datetime:
    """Return the time of the latest line of its log."""
    with server.client() as http:
        http.get("/healthz")
    lines = server.log.read_text().splitlines()
    stamps = [line.partition('"timestamp": "')[2][:19] for line in lines]
    found = [stamp for stamp in stamps if stamp]
    return datetime.fromisoformat(found[-1]).replace(tzinfo=UTC)
