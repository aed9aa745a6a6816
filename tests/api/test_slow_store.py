"""Requests whose store takes too long."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from app.models.turn import TurnResult
from app.repositories.store_time import StoreTime, limit_store_time, store_time
from app.services.intake import Intake
from app.services.live_contents import LiveContents
from app.services.turn_queue import Turn
from tests.support.listening import listening
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.waiting import until

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@contextmanager
def slow_store(seconds: float) -> Iterator[None]:
    """Let each operation of a request count as so many seconds."""
    end = StoreTime.end

    def end_late(self: StoreTime) -> None:
        end(self)
        self._left -= seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoreTime, "end", end_late)
        yield


@contextmanager
def slow_intake() -> Iterator[None]:
    """Let each message have used up its time when it has been taken in."""
    accept = Intake.accept

    def accept_late(*args: Any) -> Turn | TurnResult:
        taken = accept(*args)
        limit_store_time(-3600.0)
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Intake, "accept", accept_late)
        yield


def test_a_request_that_takes_too_long_gets_503(owner: Person) -> None:
    with slow_store(20.0):
        refused = owner.http.get("/auth/me")

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "store_unavailable"
    assert refused.headers["Retry-After"] == "3"
    assert owner.http.get("/auth/me").status_code == 200


def test_a_turn_that_takes_too_long_ends_and_a_repetition_gets_its_answer(
    bot: Bot,
) -> None:
    with slow_intake():
        refused = bot.post("Hello", message_id="m1")

    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "store_unavailable"
    assert repeated(bot, "Hello", "m1")["status"] == "answered"


def test_a_streamed_turn_that_takes_too_long_ends_with_an_error(bot: Bot) -> None:
    with slow_intake():
        answer = bot.post(
            "Stream", message_id="m1", headers={"Accept": "text/event-stream"}
        )

    assert answer.status_code == 200
    name, data = answer.text.strip().rsplit("\n\n")[-1].split("\n")
    assert name == "event: error"
    told = json.loads(data.removeprefix("data: "))
    assert told["error"]["code"] == "store_unavailable"
    assert repeated(bot, "Stream", "m1")["status"] == "answered"


def test_an_upload_and_deletions_take_what_they_take(owner: Person, bot: Bot) -> None:
    with slow_store(3.0):
        uploaded = owner.http.post(
            "/documents/add",
            data={"type": "rag", "assistant_id": bot.id},
            files={"file": ("opening-hours.md", b"# Hours\n\nNine to five.")},
        )
        unwanted = f"/documents/delete/{uploaded.json()['_id']}"
        emptied = owner.http.delete(unwanted)
        deleted = owner.http.delete(f"/assistants/delete/{bot.id}")

    assert uploaded.status_code == 201
    assert emptied.status_code == 200
    assert deleted.status_code == 200


def test_a_stream_of_live_events_has_no_end_in_it(
    server: Server, owner: Person, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, limits = LiveContents.read, []

    def noted(*args: Any) -> Any:
        limits.append(store_time.get())
        return read(*args)

    monkeypatch.setattr(LiveContents, "read", noted)
    with listening(server, owner) as listener:
        bot.post("Hello")
        listener.next_text("Hello")

    assert set(limits) == {None}


def repeated(bot: Bot, text: str, message_id: str) -> dict[str, Any]:
    """Send it again until it is answered."""
    answers: list[httpx2.Response] = []

    def is_answered() -> bool:
        answers.append(bot.post(text, message_id=message_id))
        return answers[-1].status_code == 200

    until(is_answered, seconds=30)
    body: dict[str, Any] = answers[-1].json()
    return body
