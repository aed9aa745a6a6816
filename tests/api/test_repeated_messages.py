"""A message that comes again is answered once."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.support.behaviour import Behaviour
from tests.support.running import Bot, Person
from tests.support.upstream import Upstream

KEY = {"Idempotency-Key": "request-1"}


@pytest.fixture(autouse=True)
def _usual_model(model: Upstream) -> Iterator[None]:
    yield
    model.always(Behaviour())


def test_the_same_idempotency_key_gets_the_same_answer(
    bot: Bot, model: Upstream
) -> None:
    first = bot.post("Hello", headers=KEY)
    asked = len(model.requests)

    again = bot.post("Hello", headers=KEY)

    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(model.requests) == asked


def test_the_same_message_id_gets_the_same_answer(bot: Bot) -> None:
    first = bot.post("Hello", message_id="wamid.1").json()

    assert bot.post("Hello", message_id="wamid.1").json() == first
    assert bot.post("Hello", message_id="wamid.2").json() != first


def test_a_message_id_belongs_to_its_conversation(bot: Bot) -> None:
    first = bot.post("Hello", contact="one", message_id="5").json()

    other = bot.post("Good day", contact="two", message_id="5").json()

    assert other["status"] == "answered"
    assert other["chat_id"] != first["chat_id"]


@pytest.mark.parametrize("change", [{"message": "Bye"}, {"username": "Ana"}])
def test_another_body_under_the_same_key_is_refused(
    bot: Bot, change: dict[str, Any]
) -> None:
    bot.post("Hello", headers=KEY)

    refused = bot.post(**({"message": "Hello"} | change), headers=KEY)

    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "idempotency_mismatch"


def test_keys_of_different_assistants_do_not_meet(owner: Person) -> None:
    one, other = owner.create_assistant(), owner.create_assistant()

    first = one.post("Hello", headers=KEY).json()

    assert other.post("Hello", headers=KEY).json()["chat_id"] != first["chat_id"]


def test_a_repetition_under_the_rotated_key_is_recognised(
    bot: Bot, owner: Person
) -> None:
    first = bot.post("Hello", headers=KEY).json()
    rotated = owner.http.post(f"/assistants/{bot.id}/rotate-key").json()["api_key"]

    again = owner.server.bot(bot.id, rotated).post("Hello", headers=KEY)

    assert again.json() == first


def test_refused_input_is_not_remembered(bot: Bot) -> None:
    assert bot.post("", headers=KEY).status_code == 422

    assert bot.post("Hello", headers=KEY).json()["status"] == "answered"


def test_a_failed_turn_keeps_the_message_and_runs_again(
    bot: Bot, owner: Person, model: Upstream
) -> None:
    model.always(Behaviour(status=400))
    failed = bot.post("Hello", headers=KEY)
    error = failed.json()["error"]

    assert failed.status_code == 502
    assert error["code"] == "provider_refused"
    timeline = f"/chats/{error['chat_id']}/messages"
    [kept] = owner.http.get(timeline).json()
    assert (kept["_id"], kept["status"]) == (error["message_id"], "failed")

    model.always(Behaviour())
    answered = bot.post("Hello", headers=KEY).json()

    assert answered["status"] == "answered"
    assert answered["message_id"] == error["message_id"]
    statuses = [m["status"] for m in owner.http.get(timeline).json()]
    assert statuses == ["answered", "sent"]


def test_a_repetition_in_the_meantime_is_told_to_wait(
    bot: Bot, model: Upstream
) -> None:
    model.when("slow", Behaviour(delay=1))
    first: list[httpx2.Response] = []
    worker = threading.Thread(
        target=lambda: first.append(bot.post("slow", headers=KEY))
    )
    asked = len(model.requests)
    worker.start()
    while len(model.requests) == asked:
        assert worker.is_alive()

    waiting = bot.post("slow", headers=KEY)
    worker.join()

    assert waiting.status_code == 409
    assert waiting.json()["error"]["code"] == "in_progress"
    assert waiting.headers["Retry-After"] == "1"
    assert first[0].json()["status"] == "answered"


def test_fifty_copies_at_once_are_stored_and_answered_once(
    bot: Bot, owner: Person, model: Upstream
) -> None:
    asked = len(model.requests)
    answers = at_once(50, lambda _: bot.post("copy", message_id="one"))

    assert {a.status_code for a in answers} <= {200, 409, 503}
    assert sum(a.status_code == 200 for a in answers) >= 1
    final = bot.post("copy", message_id="one").json()
    assert {a.json()["response_id"] for a in answers if a.status_code == 200} == {
        final["response_id"]
    }
    timeline = owner.http.get(f"/chats/{final['chat_id']}/messages").json()
    assert len(timeline) == 2
    assert len(model.requests) == asked + 1


def test_messages_of_one_chat_are_answered_in_order(
    bot: Bot, owner: Person, model: Upstream
) -> None:
    model.always(Behaviour(delay=0.05))
    answers = at_once(8, lambda n: bot.post(f"message {n}"))

    assert {a.status_code for a in answers} == {200}
    chat_id = answers[0].json()["chat_id"]
    timeline = owner.http.get(f"/chats/{chat_id}/messages").json()
    asked = [m["text"] for m in timeline if m["author"] == "contact"]
    replied = [m["text"] for m in timeline if m["author"] == "assistant"]
    assert len(asked) == len(replied) == 8
    for question, reply in zip(asked, replied, strict=True):
        assert question in reply
    # Each turn but the first has read the answer before it.
    prompts = [
        [m["content"] for m in r.body["messages"]]
        for r in model.requests
        if r.body["messages"][-1]["content"] in asked
    ][-8:]
    for prompt, reply in zip(prompts[1:], replied, strict=False):
        assert reply in prompt


def at_once(
    number: int, call: Callable[[int], httpx2.Response]
) -> list[httpx2.Response]:
    """Call so many times at the same instant; the answers in order of the calls."""
    answers: dict[int, httpx2.Response] = {}
    barrier = threading.Barrier(number)

    def run(n: int) -> None:
        barrier.wait()
        answers[n] = call(n)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[n] for n in range(number)]
