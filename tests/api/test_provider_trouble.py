"""What a bot gets when the model's provider misbehaves; nothing is lost."""

import json
from collections.abc import Iterator

import pytest

from tests.api.test_turn import parse_events
from tests.support.behaviour import Behaviour
from tests.support.running import Bot, Person
from tests.support.upstream import Upstream

LOST = [
    pytest.param((Behaviour(status=400), 502, "provider_refused"), id="refusal"),
    pytest.param(
        (
            Behaviour(status=429, headers={"Retry-After": "40"}),
            503,
            "provider_rate_limited",
        ),
        id="rate limit",
    ),
    pytest.param(
        (
            Behaviour(body=b"<html>hi</html>", headers={"Content-Type": "text/html"}),
            502,
            "provider_invalid_answer",
        ),
        id="html",
    ),
    pytest.param((Behaviour(silent=True), 504, "provider_timeout"), id="silence"),
    pytest.param((Behaviour(drip=(1, 0.2)), 504, "provider_timeout"), id="drip"),
    pytest.param(
        (
            Behaviour(text="half an answer " * 9, cut_after=4),
            502,
            "provider_interrupted",
        ),
        id="cut",
    ),
    pytest.param((Behaviour(flood=10), 502, "provider_interrupted"), id="flood"),
]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    return {"turn_timeout_seconds": 2}


@pytest.fixture(autouse=True)
def _usual_model(model: Upstream) -> Iterator[None]:
    yield
    model.always(Behaviour())


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("trouble", LOST)
def test_a_failure_is_named_and_the_message_kept(
    bot: Bot,
    owner: Person,
    model: Upstream,
    trouble: tuple[Behaviour, int, str],
) -> None:
    behaviour, status, code = trouble
    model.always(behaviour)

    failed = bot.post("Hello", message_id="1")

    error = failed.json()["error"]
    assert (failed.status_code, error["code"]) == (status, code)
    assert ("Retry-After" in failed.headers) == (status == 503)
    messages = owner.http.get(f"/chats/{error['chat_id']}/messages").json()
    assert messages[0]["_id"] == error["message_id"]
    assert messages[0]["status"] == "failed"
    assert {m["status"] for m in messages[1:]} <= {"incomplete"}

    model.always(Behaviour())
    again = bot.post("Hello", message_id="1").json()
    assert (again["status"], again["message_id"]) == ("answered", error["message_id"])


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_stream_that_is_cut_ends_in_an_error_and_leaves_an_incomplete_answer(
    bot: Bot, owner: Person, model: Upstream
) -> None:
    model.always(Behaviour(text="half an answer " * 9, cut_after=4))

    response = bot.post("Hello", headers={"Accept": "text/event-stream"})

    events = parse_events(response.text)
    assert [name for name, _ in events][-1] == "error"
    assert "done" not in {name for name, _ in events}
    error = events[-1][1]["error"]
    assert isinstance(error, dict)
    assert error["code"] == "provider_interrupted"
    asked, part = owner.http.get(f"/chats/{error['chat_id']}/messages").json()
    assert (asked["status"], part["status"]) == ("failed", "incomplete")
    deltas = "".join(str(data["text"]) for name, data in events if name == "delta")
    assert part["text"] == deltas


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_an_incomplete_answer_is_read_with_its_mark(bot: Bot, model: Upstream) -> None:
    model.always(Behaviour(text="half an answer " * 9, cut_after=4))
    bot.post("Hello")
    model.always(Behaviour())

    bot.post("And now?")

    prompt = json.dumps(model.requests[-1].body["messages"])
    assert "[cut off]" in prompt
