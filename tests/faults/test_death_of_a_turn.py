"""A process dies at each step of a turn: another brings the answer, once, in time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.odd_server import running_alert, running_to_die
from tests.support.processes import ServerProcess
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.upstream import Upstream

WITHIN = timedelta(seconds=30)
FAR = "from another machine"
POST = "/chats/enviarMensagemLLM"
INTAKE = "app.services.intake:Intake"
PROVIDER = "app.services.llm.openai:OpenAIProvider"
SETTLING = "app.services.settling:Settling"
CHATS = "app.repositories.chats:ChatRepository"
MESSAGES = "app.repositories.messages:MessageRepository"

Step = tuple[str, str, Literal["before", "after"], int]
"""When, at which call, and how often the model has been asked in the end."""

BEFORE_THE_END: list[Step] = [
    ("the message is stored", f"{INTAKE}.accept", "after", 1),
    ("the model is about to be asked", f"{PROVIDER}.complete", "before", 1),
    ("the answer is about to be settled", f"{SETTLING}.settle", "before", 2),
]
WRITTEN_AT_ONCE: list[Step] = [
    ("the end is being written", f"{MESSAGES}.add_answer", "after", 2),
]
WRITTEN_IN_STEPS: list[Step] = [
    ("the answer is settled", f"{CHATS}.settle", "after", 1),
    ("the answer is about to be written", f"{MESSAGES}.add_answer", "before", 1),
    ("the answer is written", f"{MESSAGES}.add_answer", "after", 1),
    ("the turn is about to leave", f"{CHATS}.dequeue", "before", 1),
]
STEPS = [("embedded", step) for step in BEFORE_THE_END + WRITTEN_AT_ONCE] + [
    (backend, step) for backend in BACKENDS[1:] for step in WRITTEN_IN_STEPS
]


class World:
    """A server that lives on, its bot, and the model."""

    def __init__(self, server: ServerProcess, model: Upstream) -> None:
        self.server, self.model = server, model
        self.http = server.client(**{"X-API-Key": create_bot(server)})
        self.acknowledged = ""
        self.died = datetime.now(UTC)

    def post(self, http: httpx2.Client, text: str) -> httpx2.Response:
        return http.post(POST, json=body(text))

    def post_and_die(self, dying: ServerProcess, text: str) -> None:
        with (
            dying.client(**self.key) as bot,
            pytest.raises(httpx2.HTTPError),
        ):
            self.post(bot, text)
        assert dying.process.wait(10) == -9
        self.died = datetime.now(UTC)

    @property
    def key(self) -> dict[str, str]:
        return {"X-API-Key": self.http.headers["X-API-Key"]}

    def delivered(self, text: str) -> list[dict[str, Any]]:
        """Return what the outbox has of a contact, in time after the death."""
        give_up = time.monotonic() + WITHIN.total_seconds()
        while True:
            query = {"wait": "1"}
            if self.acknowledged:
                query["after"] = self.acknowledged
            answer = self.http.get("/chats/outbox", params=query)
            answer.raise_for_status()
            if found := [d for d in answer.json() if d["channel"]["id"] == text]:
                self.acknowledged = found[-1]["_id"]
                came = datetime.fromisoformat(found[-1]["createdAt"])
                assert came - self.died < WITHIN
                return found
            assert time.monotonic() < give_up

    def times_asked(self, text: str) -> int:
        last = [r.body["messages"][-1]["content"] for r in self.model.requests]
        return last.count(text)


def body(text: str) -> dict[str, str]:
    return {"id": text, "message_service": "t", "message": text, "message_id": text}


@pytest.fixture(scope="module")
def upstream_settings() -> Iterator[tuple[Upstream, dict[str, Any]]]:
    with Upstream() as model:
        settings = {"llm_provider": "openai", "openai_base_url": model.base_url}
        yield model, settings | {"log_level": "ERROR"}


@pytest.fixture(scope="module", params=BACKENDS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    upstream_settings: tuple[Upstream, dict[str, Any]],
) -> Iterator[World]:
    model, settings = upstream_settings
    folder = tmp_path_factory.mktemp("server")
    store = store_settings(request, request.param)
    with running_alert(folder, **settings, **store) as server:
        made = World(server, model)
        yield made
        made.http.close()


@pytest.fixture(scope="module", autouse=True)
def far(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    upstream_settings: tuple[Upstream, dict[str, Any]],
) -> Iterator[World]:
    """Return a world whose server waits from now on for one that has fallen silent."""
    model, settings = upstream_settings
    settings = settings | store_settings(request, "wire")
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    with (
        forked(here, **settings) as server,
        running_to_die(there, f"{INTAKE}.accept", "after", **settings) as dying,
    ):
        made = World(server, model)
        made.post_and_die(dying, FAR)
        yield made
        made.http.close()


@pytest.mark.parametrize(
    ("world", "step"),
    STEPS,
    indirect=["world"],
    ids=[f"{backend}: {step[0]}" for backend, step in STEPS],
)
def test_a_death_when(world: World, step: Step) -> None:
    text, call, when, asked = step
    folder, settings = world.server.folder, world.server.settings
    before = world.times_asked(text)
    with running_to_die(folder, call, when, **settings) as dying:
        world.post_and_die(dying, text)

    [delivery] = world.delivered(text)
    again = world.post(world.http, text)

    assert delivery["text"] == f"Answer to: {text}"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["response_id"] == delivery["_id"]
    assert again.json()["message_id"] == delivery["in_reply_to"]
    assert world.times_asked(text) - before == asked


def test_a_death_before_the_answer_is_told_leaves_it_to_the_repetition(
    world: World,
) -> None:
    text = "written and not told"
    folder, settings = world.server.folder, world.server.settings
    before = world.times_asked(text)
    call = f"{SETTLING}.settle"
    with running_to_die(folder, call, "after", **settings) as dying:
        world.post_and_die(dying, text)

    again = world.post(world.http, text)

    assert again.json()["response"] == f"Answer to: {text}"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert world.times_asked(text) - before == 1


def test_a_death_before_the_message_is_stored_leaves_the_chat_free(
    world: World,
) -> None:
    """Nobody was told that it is kept: its sender sends it again."""
    text = "never stored"
    before = world.times_asked(text)
    folder, settings = world.server.folder, world.server.settings
    call = f"{CHATS}.enqueue"
    with running_to_die(folder, call, "after", **settings) as dying:
        world.post_and_die(dying, text)

    answer = world.post(world.http, text)

    assert answer.json()["status"] == "answered"
    assert "Idempotency-Replayed" not in answer.headers
    assert world.times_asked(text) - before == 1


@pytest.mark.parametrize("world", ["embedded"], indirect=True)
def test_a_death_in_the_middle_of_a_stream(world: World) -> None:
    text = "tell me slowly"
    world.model.script([Behaviour(pause=0.3)])
    folder, settings = world.server.folder, world.server.settings
    with (
        forked(folder, **settings) as dying,
        dying.client(**world.key, Accept="text/event-stream") as bot,
        bot.stream("POST", POST, json=body(text)) as stream,
    ):
        parts = stream.iter_text()
        while "event: delta" not in next(parts):
            pass
        dying.kill()
        with pytest.raises(httpx2.HTTPError):
            assert "event: done" not in "".join(parts)

    [delivery] = world.delivered(text)

    assert delivery["text"] == f"Answer to: {text}"
    assert world.post(world.http, text).json()["response_id"] == delivery["_id"]
    assert world.times_asked(text) == 2


def test_where_no_folder_is_shared_a_silent_process_is_followed_in_time(
    far: World,
) -> None:
    [delivery] = far.delivered(FAR)

    assert delivery["text"] == f"Answer to: {FAR}"
    assert far.times_asked(FAR) == 1
