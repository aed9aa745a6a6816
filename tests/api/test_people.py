"""People in conversations, through HTTP."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.api.test_turn import parse_events
from tests.support.behaviour import Behaviour
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.upstream import Upstream
from tests.support.waiting import until

UNKNOWN_ID = "6b0158e719637aa53a05b563"
TAKEOVER = {
    "return_after_minutes": 30,
    "contact_keywords": ["atendente", "human being"],
    "release_keywords": ["robô"],
}
PORTUGUESE = {"Accept-Language": "pt-BR,pt;q=0.9"}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An assistant's bot and a chat of it, as one person at the console sees them."""

    bot: Bot
    chat_id: str
    person: Person

    def do(self, act: str, **body: Any) -> httpx2.Response:
        return self.person.http.post(f"/chats/{self.chat_id}/{act}", json=body)

    def chat(self) -> dict[str, Any]:
        found: dict[str, Any] = self.person.http.get(
            f"/chats/get/{self.chat_id}"
        ).json()
        return found

    def timeline(self, **headers: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.person.http.get(
            f"/chats/{self.chat_id}/messages", headers=headers
        ).json()
        return found


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def ana(server: Server, admin: Person) -> Person:
    return named(server, "Ana")


@pytest.fixture(scope="module")
def bia(server: Server, admin: Person) -> Person:
    return named(server, "Bia")


@pytest.fixture(scope="module")
def viewer(server: Server, admin: Person) -> Person:
    return named(server, "Vic")


@pytest.fixture
def bot(owner: Person, ana: Person, bia: Person, viewer: Person) -> Bot:
    roles = {ana.id: "attendant", bia.id: "attendant", viewer.id: "viewer"}
    return owner.create_assistant(
        members=[{"user_id": name, "role": role} for name, role in roles.items()],
        takeover=TAKEOVER,
    )


@pytest.fixture
def desk(bot: Bot, ana: Person) -> Desk:
    """Return Ana at a chat in which the contact has got one answer."""
    return Desk(bot=bot, chat_id=bot.post("Hello").json()["chat_id"], person=ana)


def named(server: Server, name: str) -> Person:
    person = server.register()
    person.http.patch("/auth/me", json={"name": name}).raise_for_status()
    return person


def waiting_for(model: Upstream, text: str) -> bool:
    return any(r.body["messages"][-1]["content"] == text for r in model.requests)


def in_a_thread(pool: ThreadPoolExecutor, desk: Desk, text: str) -> Future[Any]:
    return pool.submit(desk.bot.post, text)


# The story


def test_a_person_takes_over_during_an_answer_and_gives_back(
    desk: Desk, model: Upstream
) -> None:
    question = f"Think slowly, {desk.bot.id}"
    model.when("slowly", Behaviour(delay=1.5))
    with ThreadPoolExecutor(1) as pool:
        posted = in_a_thread(pool, desk, question)
        until(lambda: waiting_for(model, question))
        taken = desk.do("takeover", reason="they sound upset")
        answer = posted.result()

    assert taken.status_code == 200
    assert (taken.json()["status"], taken.json()["active"]) == ("human", False)
    assert taken.json()["assigned_to"] == desk.person.id
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["response"]) == ("suppressed", None)
    assert (body["response_id"], body["citations"]) == (None, [])

    assert desk.bot.post("Is anybody there?").json()["status"] == "human"
    assert desk.chat()["unread"] == 1
    written = desk.do("messages", text="Ana here: we open at nine.")
    noted = desk.do("messages", text="A VIP, be quick", note=True)
    assert desk.chat()["unread"] == 0
    assert [row["text"] for row in outbox(desk.bot)] == ["Ana here: we open at nine."]

    released = desk.do("release")
    assert (released.json()["status"], released.json()["assigned_to"]) == ("bot", None)
    assert desk.bot.post("Thank you").json()["status"] == "answered"

    prompt = model.requests[-1].body["messages"]
    said = [m["content"] for m in prompt if m["role"] != "system"]
    assert said[-3:] == [
        "Is anybody there?",
        "[human attendant] Ana here: we open at nine.",
        "Thank you",
    ]
    assert question in said
    assert "VIP" not in str(prompt)
    assert "Answer to: Think slowly" not in str(prompt)

    entries = desk.timeline()
    assert [(m["author"], m["status"]) for m in entries] == [
        ("contact", "answered"),
        ("assistant", "sent"),
        ("contact", "suppressed"),
        ("system", "note"),
        ("assistant", "suppressed"),
        ("contact", "human"),
        ("attendant", "sent"),
        ("attendant", "note"),
        ("system", "note"),
        ("contact", "answered"),
        ("assistant", "sent"),
    ]
    assert [m["seq"] for m in entries] == list(range(1, 12))
    assert entries[6]["_id"] == written.json()["_id"]
    assert entries[7]["_id"] == noted.json()["_id"]
    assert entries[6]["metadata"] == {"user_id": desk.person.id, "name": "Ana"}
    assert entries[3]["metadata"]["reason"] == "they sound upset"
    assert sorted(m["createdAt"] for m in entries) == [m["createdAt"] for m in entries]


def test_a_stream_falls_silent_at_a_takeover(desk: Desk, model: Upstream) -> None:
    whole = "We open at nine and close at five every day."
    model.when("Tell", Behaviour(text=whole, chunks=8, pause=0.4))
    heard: list[str] = []
    begun = threading.Event()

    def listen() -> str:
        body = {"id": "5511", "message_service": "whatsapp", "message": "Tell me all"}
        with desk.bot.http.stream(
            "POST",
            "/chats/enviarMensagemLLM",
            json=body,
            headers={"Accept": "text/event-stream"},
        ) as response:
            for line in response.iter_lines():
                heard.append(line)
                if line.startswith("event: delta"):
                    begun.set()
        return "\n".join(heard)

    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        assert begun.wait(20)
        assert desk.do("takeover").status_code == 200
        before = heard.count("event: delta")
        *deltas, (name, done) = parse_events(listening.result() + "\n\n")

    # One more may have been on its way to us.
    assert 1 <= len(deltas) <= before + 1 < 8
    assert name == "done"
    assert (done["status"], done["response"]) == ("suppressed", None)
    assert desk.timeline()[-1]["text"] == whole
    assert outbox(desk.bot) == []


def test_the_timeline_is_told_in_the_readers_language(desk: Desk, bia: Person) -> None:
    acts: list[tuple[str, dict[str, Any]]] = [
        ("takeover", {}),
        ("assign", {"user_id": bia.id}),
        ("assign", {"user_id": None}),
        ("release", {}),
        ("close", {}),
    ]
    for act, body in acts:
        assert desk.do(act, **body).status_code == 200
    desk.bot.post("Quero um ATENDENTE!")
    desk.bot.post("robô")

    def told(**headers: str) -> list[str]:
        return [m["text"] for m in desk.timeline(**headers) if m["author"] == "system"]

    assert told() == [
        "Ana took the conversation over.",
        "Ana assigned the conversation to Bia.",
        "Ana left the conversation to whoever comes next.",
        "Ana handed the conversation back to the assistant.",
        "Ana closed the conversation.",
        "The contact wrote again: the conversation is open.",
        "The contact asked for a person.",
        "The contact asked for the assistant.",
    ]
    in_portuguese = told(**PORTUGUESE)
    assert in_portuguese[0] == "Ana assumiu a conversa."
    assert len(in_portuguese) == len(set(in_portuguese)) == 8
    assert not set(in_portuguese) & set(told())


def test_a_contact_asks_for_a_person_and_waits(desk: Desk, bia: Person) -> None:
    asked = desk.bot.post("A human being, please").json()

    assert (asked["status"], asked["response"]) == ("human", None)
    chat = desk.chat()
    assert (chat["status"], chat["assigned_to"], chat["unread"]) == ("human", None, 1)
    assert chat["waiting_since"] == chat["updatedAt"]
    listed = desk.person.http.get("/chats/list", params={"status": "human"}).json()
    assert desk.chat_id in [row["_id"] for row in listed]

    theirs = Desk(bot=desk.bot, chat_id=desk.chat_id, person=bia)
    assert theirs.do("takeover").json()["waiting_since"] is None
    refused = desk.do("takeover")
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert (error["code"], error["assigned_to"]) == ("chat_assigned", bia.id)


def test_a_closed_chat_opens_with_the_contacts_next_message(desk: Desk) -> None:
    assert desk.do("close", reason="solved").json()["status"] == "closed"

    assert desk.bot.post("One more thing").json()["status"] == "answered"
    assert desk.chat()["status"] == "bot"


# What the routes answer


def test_a_message_that_was_written_has_its_place(desk: Desk) -> None:
    made = desk.do("messages", text="Ana here.")

    body = made.json()
    assert made.status_code == 201
    assert body["_id"] == body["id"]
    assert made.headers["Location"] == f"/chats/{desk.chat_id}/messages/{body['_id']}"
    found = desk.person.http.get(made.headers["Location"]).json()
    assert found["text"] == "Ana here."
    assert (found["author"], found["status"]) == ("attendant", "sent")
    assert (found["in_reply_to"], found["response_id"]) == (None, None)


def test_a_released_chat_that_no_person_has_is_told_so(desk: Desk) -> None:
    before = desk.timeline()
    assert desk.do("release").json()["status"] == "bot"
    assert desk.timeline() == before

    desk.person.http.put(f"/chats/desativar/{desk.chat_id}").raise_for_status()
    refused = desk.do("release")

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "chat_not_human"


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("takeover", {"why": "x"}, "why"),
        ("takeover", {"reason": "x" * 1001}, "reason"),
        ("takeover", {"reason": 7}, "reason"),
        ("release", {"force": True}, "force"),
        ("close", {"status": "closed"}, "status"),
        ("assign", {}, "user_id"),
        ("assign", {"user_id": UNKNOWN_ID}, "user_id"),
        ("assign", {"user_id": None, "reason": "x"}, "reason"),
        ("messages", {}, "text"),
        ("messages", {"text": " "}, "text"),
        ("messages", {"text": "x" * 32_001}, "text"),
        ("messages", {"text": "Hi", "note": "yes"}, "note"),
        ("messages", {"text": "Hi", "author": "assistant"}, "author"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    desk: Desk, act: str, body: dict[str, Any], field: str
) -> None:
    before = desk.chat(), desk.timeline()

    refused = desk.do(act, **body)

    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == [field]
    assert (desk.chat(), desk.timeline()) == before


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("takeover", {}),
        ("release", {}),
        ("assign", {"user_id": None}),
        ("messages", {"text": "Hi"}),
        ("messages", {"text": "Hi", "note": True}),
        ("close", {}),
    ],
)
def test_who_may_not_changes_nothing(
    desk: Desk, viewer: Person, stranger: Person, act: str, body: dict[str, Any]
) -> None:
    before = desk.chat(), desk.timeline()

    for person, status, code in [
        (viewer, 403, "forbidden"),
        (stranger, 404, "chat_not_found"),
    ]:
        theirs = Desk(bot=desk.bot, chat_id=desk.chat_id, person=person)
        refused = theirs.do(act, **body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)

    assert (desk.chat(), desk.timeline()) == before


def test_a_viewer_reads_what_was_done_and_nobody_else_gets_the_chat(
    desk: Desk, viewer: Person
) -> None:
    desk.do("takeover")
    watching = Desk(bot=desk.bot, chat_id=desk.chat_id, person=viewer)

    assert watching.timeline() == desk.timeline()
    refused = desk.do("assign", user_id=viewer.id)
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == ["user_id"]


def test_a_chat_is_taken_over_by_its_channels_id_where_that_is_one(
    desk: Desk, owner: Person
) -> None:
    contact = "+55 92 99999-0000"
    chat_id = desk.bot.post("Hi", contact=contact).json()["chat_id"]
    mine = Desk(bot=desk.bot, chat_id=contact, person=desk.person)
    assert mine.do("takeover").json()["_id"] == chat_id

    other = owner.create_assistant()
    other_id = other.post("Hi", contact=contact).json()["chat_id"]
    ambiguous = Desk(bot=desk.bot, chat_id=contact, person=owner).do("release")

    assert ambiguous.status_code == 409
    assert set(ambiguous.json()["error"]["candidates"]) == {chat_id, other_id}


def test_the_contact_sees_no_note_by_any_key_that_posts(desk: Desk) -> None:
    noted = desk.do("messages", text="A VIP", note=True).json()

    found = desk.bot.http.get(f"/chats/{desk.chat_id}/messages/{noted['_id']}")

    assert found.status_code == 404
    assert outbox(desk.bot) == []


def outbox(bot: Bot) -> list[dict[str, Any]]:
    answer = bot.http.get("/chats/outbox")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found
