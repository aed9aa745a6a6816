"""Live events of documents: what is told, to whom, and from where on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.event_processes import eventually
from tests.support.listening import Listener, is_ready, listening
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.second import second_server

MANY = 5
HOURS = "# Hours\n\nOpen from nine to five."
BROKEN = b"PK\x03\x04 no zip"

Follow = Callable[..., Listener]


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def other(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return another server process on the same store."""
    with second_server(server, tmp_path_factory.mktemp("other")) as made:
        yield made


@pytest.fixture
def follow(server: Server) -> Iterator[Follow]:
    with ExitStack() as open_streams:

        def start(at: Server = server, **options: Any) -> Listener:
            return open_streams.enter_context(listening(at, **options))

        yield start
    eventually(server.services.stream_slots.is_idle)


def test_a_document_is_told_as_it_is_shown_until_it_is_ready(
    owner: Person, bot: Bot, follow: Follow
) -> None:
    listener = follow(person=owner)

    made = owner.upload(bot, "hours.md", HOURS).json()
    told = [frame.data for frame in listener.next_ready("hours.md")]

    assert {data["_id"] for data in told} == {made["_id"]}
    assert told[-1] == owner.http.get(f"/documents/get/{made['_id']}").json()
    assert told[-1]["chunks"] == 1


def test_a_failure_is_told_in_the_language_of_each_reader(
    owner: Person, bot: Bot, follow: Follow
) -> None:
    languages = ["pt-BR", "en"]
    listeners = [
        follow(person=owner, headers={"Accept-Language": name}) for name in languages
    ]

    made = owner.upload(bot, "hours.docx", BROKEN).json()

    for name, listener in zip(languages, listeners, strict=True):
        while (told := listener.next("document").data)["status"] != "failed":
            pass
        path = f"/documents/get/{made['_id']}"
        shown = owner.http.get(path, headers={"Accept-Language": name}).json()
        assert told == shown


def test_a_replacement_and_a_removal_are_told(
    owner: Person, bot: Bot, follow: Follow
) -> None:
    made = owner.upload(bot, "hours.md", HOURS).json()
    listener = follow(person=owner)

    owner.upload(bot, "hours.md", "Closed.", replace="true").raise_for_status()
    while listener.next_ready("hours.md")[-1].data["size"] != len("Closed."):
        pass  # what was told is of before
    deleted = owner.http.delete(f"/documents/delete/{made['_id']}").json()

    assert listener.next("document_deleted").data == deleted


def test_the_prompt_is_told(owner: Person, bot: Bot, follow: Follow) -> None:
    listener = follow(person=owner)
    path = f"/assistants/update/{bot.id}"

    owner.http.put(path, json={"instructions": "Be kind."}).raise_for_status()
    told = listener.next("document").data
    owner.http.put(path, json={"instructions": ""}).raise_for_status()

    assert (told["type"], told["status"]) == ("prompt", "ready")
    assert listener.next("document_deleted").data["_id"] == told["_id"]


@pytest.mark.parametrize("role", ["viewer", "attendant", "editor"])
def test_members_are_told_and_others_are_not(
    server: Server, owner: Person, bot: Bot, follow: Follow, role: str
) -> None:
    member, stranger = server.register(), server.register()
    members = {"members": [{"user_id": member.id, "role": role}]}
    path = f"/assistants/update/{bot.id}"
    owner.http.put(path, json=members).raise_for_status()
    theirs = stranger.create_assistant()
    listeners = [follow(person=person) for person in (member, stranger)]

    made = owner.upload(bot, "secret.md", HOURS).json()
    listeners[0].next_ready("secret.md")
    owner.http.delete(f"/documents/delete/{made['_id']}").raise_for_status()
    stranger.upload(theirs, "own.md", HOURS).raise_for_status()

    assert listeners[0].next("document_deleted").data["_id"] == made["_id"]
    listeners[1].next_ready("own.md")
    assert "secret.md" not in str(listeners[1].lines)
    assert made["_id"] not in str(listeners[1].lines)


def test_a_filter_leaves_other_documents_out(
    owner: Person, bot: Bot, follow: Follow
) -> None:
    other_bot = owner.create_assistant()
    chat_id = bot.post("Hello").json()["chat_id"]
    of_assistant = follow(person=owner, assistant_id=bot.id)
    of_chat = follow(person=owner, chat_id=chat_id)

    owner.upload(other_bot, "other.md", HOURS).raise_for_status()
    owner.upload(bot, "hours.md", HOURS).raise_for_status()
    bot.post("the last").raise_for_status()

    of_assistant.next_ready("hours.md")
    assert "other.md" not in str(of_assistant.lines)
    of_chat.next_text("the last")
    assert "event: document" not in of_chat.lines


def test_one_server_tells_of_documents_that_another_indexes(
    owner: Person, bot: Bot, other: Server, follow: Follow
) -> None:
    listener = follow(other, person=owner)

    owner.upload(bot, "hours.md", HOURS).raise_for_status()

    listener.next_ready("hours.md")


def test_who_comes_back_is_told_of_documents_as_they_are_now(
    owner: Person, bot: Bot, server: Server, other: Server
) -> None:
    with listening(server, owner, assistant_id=bot.id) as listener:
        last = listener.id
    names = [f"page {number}.md" for number in range(MANY)]
    made = [owner.upload(bot, name, HOURS).json()["_id"] for name in names]
    owner.http.delete(f"/documents/delete/{made[0]}").raise_for_status()

    told: dict[str, str] = {}
    with listening(other, owner, last_event_id=last, assistant_id=bot.id) as listener:
        while len(told) < MANY:
            frame = listener.next()
            assert frame.name == "document_deleted" or is_ready(frame)
            told[frame.data["_id"]] = frame.name

    assert told == dict.fromkeys(made, "document") | {made[0]: "document_deleted"}
