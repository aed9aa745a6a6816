"""The turn, through HTTP: a message in, its answer out."""

import json
import time
from types import SimpleNamespace

import pytest

from app.routes import event_stream
from tests.support.behaviour import Behaviour
from tests.support.running import Bot, Person
from tests.support.upstream import Upstream


@pytest.fixture(autouse=True)
def _quiet_model(model: Upstream) -> None:
    model.hang_up()


def test_a_message_gets_the_models_answer(bot: Bot, model: Upstream) -> None:
    answer = bot.post("What are your hours?")

    body = answer.json()
    assert answer.status_code == 200
    assert body["status"] == "answered"
    assert "What are your hours?" in body["response"]
    assert body["tokens"]["in"] > 0
    assert body["cost"] is None
    assert body["citations"] == []
    assert set(body) == {
        "response",
        "status",
        "chat_id",
        "message_id",
        "response_id",
        "tokens",
        "cost",
        "model",
        "citations",
    }


def test_the_exchange_stands_on_the_timeline(bot: Bot, owner: Person) -> None:
    body = bot.post("Are you open?", username="Rita", metadata={"a.b": "c"}).json()

    messages = owner.http.get(f"/chats/{body['chat_id']}/messages").json()

    assert [m["author"] for m in messages] == ["contact", "assistant"]
    assert [m["status"] for m in messages] == ["answered", "sent"]
    assert [m["_id"] for m in messages] == [body["message_id"], body["response_id"]]
    assert messages[0]["metadata"] == {"a.b": "c"}
    assert messages[1]["text"] == body["response"]
    chat = owner.http.get(f"/chats/get/{body['chat_id']}").json()
    assert chat["username"] == "Rita"
    assert chat["message"] == "Are you open?"
    assert chat["response"] == body["response"]
    assert chat["tokens"] == body["tokens"]


def test_the_model_reads_the_instructions_and_what_was_said(
    owner: Person, model: Upstream
) -> None:
    bot = owner.create_assistant(instructions="You are the shop's voice.")
    bot.post("I live in Recife.")
    bot.post("How long to me?")

    prompt = model.requests[-1].body["messages"]

    assert prompt[0] == {"role": "system", "content": "You are the shop's voice."}
    assert [m["role"] for m in prompt] == ["system", "user", "assistant", "user"]
    assert prompt[1]["content"] == "I live in Recife."
    assert prompt[3]["content"] == "How long to me?"


def test_an_answer_cites_the_passage_it_rests_on(
    owner: Person, bot: Bot, model: Upstream
) -> None:
    text = "# Delivery\n\nDelivery to Recife takes four days.\n"
    document = owner.upload(bot, "delivery.md", text).json()
    model.when("Recife", Behaviour(text="It takes four days [1]. Or not [7]."))

    body = bot.post("How long to Recife?").json()

    assert body["response"] == "It takes four days [1]. Or not."
    assert body["citations"] == [
        {
            "document_id": document["_id"],
            "filename": "delivery.md",
            "page": None,
            "heading": "Delivery",
            "quote": "Delivery to Recife takes four days.",
        }
    ]
    assert "Delivery to Recife takes four days." in json.dumps(
        model.requests[-1].body["messages"]
    )


def test_a_stream_tells_the_same_turn(bot: Bot) -> None:
    response = bot.post("Stream it", headers={"Accept": "text/event-stream"})

    events = parse_events(response.text)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert {name for name, _ in events[:-1]} == {"delta"}
    name, done = events[-1]
    assert name == "done"
    assert "".join(str(d["text"]) for _, d in events[:-1]) == done["response"]
    assert done["status"] == "answered"


def test_a_stream_that_gets_no_thread_is_refused_and_its_message_kept(
    bot: Bot, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThread:
        def __init__(self, **_: object) -> None: ...

        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    stream = {"Accept": "text/event-stream"}
    with monkeypatch.context() as patched:
        patched.setattr(event_stream, "threading", SimpleNamespace(Thread=NoThread))
        refused = bot.post("Stream it", headers=stream, message_id="1")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert owner.server.services.is_idle()
    give_up = time.monotonic() + 15
    while (again := bot.post("Stream it", message_id="1")).status_code == 409:
        assert time.monotonic() < give_up
        time.sleep(0.2)
    assert again.json()["status"] == "answered"


def test_contacts_of_one_assistant_do_not_mix(bot: Bot, model: Upstream) -> None:
    bot.post("My secret is plum.", contact="one")
    bot.post("What is my secret?", contact="two")

    assert "plum" not in json.dumps(model.requests[-1].body)


def test_a_name_of_anothers_chat_opens_ones_own(
    bot: Bot, stranger: Person, model: Upstream
) -> None:
    theirs = stranger.create_assistant()
    foreign = theirs.post("My canary is yellow.", contact="77").json()

    for name in ("77", foreign["chat_id"]):
        mine = bot.post("What was said?", contact=name).json()
        assert mine["chat_id"] != foreign["chat_id"]
        assert "yellow" not in json.dumps(model.requests[-1].body)


def test_an_inactive_chat_stores_and_does_not_answer(bot: Bot, owner: Person) -> None:
    chat_id = bot.post("Hello").json()["chat_id"]
    owner.http.put(f"/chats/desativar/{chat_id}").raise_for_status()

    silent = bot.post("Anybody?", active=True).json()

    assert silent["status"] == "inactive"
    assert silent["response"] is None
    assert silent["response_id"] is None
    owner.http.put(f"/chats/ativar/{chat_id}").raise_for_status()
    assert bot.post("And now?").json()["status"] == "answered"


def test_a_message_that_is_not_to_be_answered_starts_an_inactive_chat(
    bot: Bot, owner: Person
) -> None:
    body = bot.post("For the record", active=False).json()

    assert body["status"] == "inactive"
    chat = owner.http.get(f"/chats/get/{body['chat_id']}").json()
    assert (chat["status"], chat["active"]) == ("inactive", False)


def test_a_message_not_to_be_answered_leaves_an_active_chat_active(bot: Bot) -> None:
    bot.post("Hello")

    assert bot.post("For the record", active=False).json()["status"] == "inactive"
    assert bot.post("And this?").json()["status"] == "answered"


def parse_events(text: str) -> list[tuple[str, dict[str, object]]]:
    frames = [frame for frame in text.split("\n\n") if frame.startswith("event:")]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in (frame.split("\n", 1) for frame in frames)
    ]
