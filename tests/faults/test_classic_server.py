"""`waitress-serve` as the original's users type it: 4 threads, and still alive."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.behaviour import Behaviour
from tests.support.processes import ROOT, ServerProcess, free_port, wait_until_listening
from tests.support.running import PASSWORD
from tests.support.upstream import Upstream

WITHIN = 1.0
PERSON = {"email": "a@example.com", "password": PASSWORD}


@pytest.fixture
def slow_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=6)) as upstream:
        yield upstream


@pytest.fixture
def server(tmp_path: Path, slow_model: Upstream) -> Iterator[ServerProcess]:
    port = free_port()
    made = ServerProcess(
        tmp_path, llm_provider="openai", openai_base_url=slow_model.base_url
    )
    script = ROOT / ".venv" / "bin" / "waitress-serve"
    made.spawn([str(script), f"--port={port}", "--call", "main:create_app"])
    made.base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_listening(made.base_url)
        yield made
    finally:
        made.kill()


def test_streams_and_slow_turns_do_not_silence_the_rest(server: ServerProcess) -> None:
    with server.client() as http:
        http.post("/auth/register", json={"name": "A"} | PERSON).raise_for_status()
        token = http.post("/auth/login", json=PERSON).json()["token"]
        made = http.post(
            "/assistants/add",
            json={"name": "Bot"},
            headers={"Authorization": f"Bearer {token}"},
        )
    key = made.json()["api_key"]
    answers: list[httpx2.Response] = []

    def post(contact: str, accept: str) -> None:
        body = {"id": contact, "message_service": "test", "message": "Hello"}
        headers = {"X-API-Key": key, "Accept": accept}
        with server.client(**headers) as bot:
            answers.append(bot.post("/chats/enviarMensagemLLM", json=body))

    kinds = ["text/event-stream"] * 4 + ["application/json"] * 8
    threads = [
        threading.Thread(target=post, args=(f"c{n}", kind))
        for n, kind in enumerate(kinds)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)

    with server.client() as http:
        for _ in range(3):
            started = time.monotonic()
            assert http.get("/healthz").status_code == 200
            assert time.monotonic() - started < WITHIN
            started = time.monotonic()
            assert http.post("/auth/login", json=PERSON).status_code == 200
            assert time.monotonic() - started < WITHIN

    for thread in threads:
        thread.join()
    refused = [a for a in answers if a.status_code == 503]
    assert {a.status_code for a in answers} == {200, 503}
    assert {a.json()["error"]["code"] for a in refused} == {"busy"}
    assert all(int(a.headers["Retry-After"]) >= 1 for a in refused)


def test_start_up_warns_of_the_few_threads(server: ServerProcess) -> None:
    give_up = time.monotonic() + 10
    while "few threads" not in server.log.read_text():
        assert time.monotonic() < give_up
        time.sleep(0.1)
