"""What a bot gets when the model's provider misbehaves; nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.test_turn import parse_events
from tests.support.behaviour import Behaviour
from tests.support.races import at_once
from tests.support.running import Bot, Person, running
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


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("done", [True, False], ids=["DONE", "no DONE"])
def test_wherever_an_answer_is_cut_no_half_is_taken_for_the_whole(
    bot: Bot, owner: Person, model: Upstream, *, done: bool
) -> None:
    text = "One two three four."
    for events in range(12):  # the role, eight pieces, the end, the usage, DONE
        behaviour = Behaviour(text=text, done=done, cut_after=events)
        for accept in ("application/json", "text/event-stream"):
            model.always(behaviour)
            contact = f"{accept} {events}"
            answer = bot.post("Hello", contact, {"Accept": accept}, message_id="1")
            told = _told(answer)
            timeline = owner.http.get(f"/chats/{told['chat_id']}/messages").json()
            asked, *parts = timeline
            if told.get("status") == "answered":
                assert told["response"] == text
                assert [(p["status"], p["text"]) for p in parts] == [("sent", text)]
                continue
            assert events <= 9, "the end was told"
            assert told["code"] == "provider_interrupted"
            assert asked["status"] == "failed"
            assert {p["status"] for p in parts} <= {"incomplete"}
            assert all(p["text"] and text.startswith(p["text"]) for p in parts)

            model.always(Behaviour(text=text))
            again = bot.post("Hello", contact, message_id="1").json()
            assert (again["status"], again["response"]) == ("answered", text)


def _told(answer: httpx2.Response) -> dict[str, Any]:
    """Return the result or the error, however it was sent."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        body = answer.json()
        assert (answer.status_code == 200) == ("error" not in body)
    else:
        *deltas, (name, body) = parse_events(answer.text)
        assert {kind for kind, _ in deltas} <= {"delta"}
        assert name == ("error" if "error" in body else "done")
    found: dict[str, Any] = body.get("error", body)
    return found


def test_slow_answers_free_their_threads_and_the_next_is_told_at_once(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.always(Behaviour(drip=(1, 0.4)))
    with running(
        tmp_path,
        llm_provider="openai",
        openai_base_url=upstream.base_url,
        turn_timeout_seconds=2,
    ) as made:
        bot = made.register().create_assistant()

        slow = at_once(lambda n: bot.post("Hello", f"c{n}"), threads=16)
        refused = bot.post("Hello", "next")

        assert made.services.is_idle()
    assert {a.json()["error"]["code"] for a in slow} == {"provider_timeout"}
    assert {a.status_code for a in slow} == {504}
    assert refused.json()["error"]["code"] == "provider_suspended"
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert len(upstream.requests) == 16
