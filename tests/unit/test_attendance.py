"""Who does what in a conversation, what it changes, and what the timeline tells."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.errors import (
    AppError,
    ChatNotFound,
    ChatNotHuman,
    Forbidden,
    InvalidInput,
)
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Author, MessageStatus
from app.models.user import User
from app.services.attendance import AttendanceService
from tests.support.made import CHANNEL, later
from tests.support.staffed import (
    ADMIN,
    ANA,
    BIA,
    OWNER,
    STRANGER,
    VIC,
    StaffedProcess,
    StaffedStore,
)

Act = Callable[[AttendanceService, User, str], object]
ACTS: dict[str, Act] = {
    "takeover": lambda a, who, chat: a.take_over(who, chat, reason=None),
    "release": lambda a, who, chat: a.release(who, chat, reason=None),
    "assign": lambda a, who, chat: a.assign(who, chat, user_id="bia"),
    "unassign": lambda a, who, chat: a.assign(who, chat, user_id=None),
    "write": lambda a, who, chat: a.write(who, chat, text="Hi", note=False),
    "note": lambda a, who, chat: a.write(who, chat, text="Hi", note=True),
    "close": lambda a, who, chat: a.close(who, chat, reason=None),
    "activate": lambda a, who, chat: a.activate(who, chat),
    "deactivate": lambda a, who, chat: a.deactivate(who, chat),
}
BOT = ChatState(status=ChatStatus.BOT)


@pytest.fixture
def store() -> StaffedStore:
    return StaffedStore()


@pytest.fixture
def server(store: StaffedStore) -> StaffedProcess:
    """Return a process in whose only chat the contact has written and was answered."""
    server = StaffedProcess(store)
    server.hear("Hi")
    server.clock.wall = later(60)
    return server


def human(by: str, at: int) -> ChatState:
    return ChatState(status=ChatStatus.HUMAN, assigned_to=by, attended=at)


# Who may


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("who", "error"), [(VIC, Forbidden), (STRANGER, ChatNotFound)], ids=["Vic", "Sam"]
)
def test_who_is_no_attendant_changes_nothing(
    server: StaffedProcess,
    store: StaffedStore,
    act: str,
    who: User,
    error: type[AppError],
) -> None:
    before = store.chat, store.timeline()

    with pytest.raises(error):
        ACTS[act](server.attendance, who, store.chat.id)

    assert (store.chat, store.timeline()) == before


@pytest.mark.parametrize("who", [ANA, OWNER, ADMIN], ids=lambda who: who.name)
def test_attendants_owners_and_administrators_may_do_it_all(
    server: StaffedProcess, store: StaffedStore, who: User
) -> None:
    order = ["takeover", "write", "note", "assign", "unassign", "release"]
    for act in [*order, "deactivate", "activate", "close"]:
        ACTS[act](server.attendance, who, store.chat.id)

    entries = [m for m in store.timeline() if m.metadata.get("user_id")]
    assert {m.metadata["name"] for m in entries} == {who.name}
    assert len(entries) == 9


def test_a_chat_is_also_found_by_its_channels_id(
    server: StaffedProcess, store: StaffedStore
) -> None:
    chat = server.attendance.take_over(ANA, CHANNEL.id, reason=None)

    assert chat.id == store.chat.id
    assert store.chat.assigned_to == "ana"


@pytest.mark.parametrize("act", ACTS)
def test_a_chat_that_goes_meanwhile_is_not_found(
    server: StaffedProcess, store: StaffedStore, act: str
) -> None:
    server.take_over()
    chat_id = store.chat.id
    if act == "takeover":
        server.release()

    def delete() -> None:
        store.chats.remove_for_assistant("a1")

    calls = "FakeUsers.get" if act == "assign" else "FakeAssistants.get"
    server.plan.hooks[calls] = delete
    with pytest.raises(ChatNotFound):
        ACTS[act](server.attendance, ANA, chat_id)


# What it changes


def test_a_takeover_assigns_the_chat_and_is_told_with_who_when_and_why(
    server: StaffedProcess, store: StaffedStore
) -> None:
    chat = server.take_over("ana", reason="angry")

    assert chat.state == human("ana", at=3)
    entry = store.timeline()[-1]
    assert (entry.seq, entry.author, entry.status) == (
        3,
        Author.SYSTEM,
        MessageStatus.NOTE,
    )
    assert entry.metadata == {
        "event": "takeover",
        "user_id": "ana",
        "name": "Ana",
        "reason": "angry",
    }
    assert entry.created_at == store.chat.updated_at == later(60)
    assert entry.deliver_to is None
    assert store.chat == replace(chat, unwritten=())
    assert server.events.published[-1].message_ids == (entry.id,)


def test_a_release_lets_the_assistant_answer_again(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    assert server.hear("Hello?", 2).status is MessageStatus.HUMAN

    chat = server.attendance.release(BIA, store.chat.id, reason="done")

    assert chat.state == BOT
    assert store.timeline()[-1].metadata == {
        "event": "release",
        "user_id": "bia",
        "name": "Bia",
        "reason": "done",
    }
    assert server.hear("Thanks", 3).status is MessageStatus.ANSWERED


def test_assigning_passes_the_chat_on_and_leaves_it_to_whoever_comes(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.hear("Hello?", 2)

    passed = server.attendance.assign(ANA, store.chat.id, user_id="bia")

    assert passed.state == replace(human("bia", at=5), unread=1)
    told = store.timeline()[-1].metadata
    assert (told["event"], told["assigned_to"]) == ("assign", "bia")
    assert (told["name"], told["assigned_name"]) == ("Ana", "Bia")

    server.clock.wall = later(90)
    left = server.attendance.assign(BIA, store.chat.id, user_id=None)

    assert left.state == ChatState(
        status=ChatStatus.HUMAN, waiting_since=later(90), attended=5, unread=1
    )
    assert store.timeline()[-1].metadata == {
        "event": "unassign",
        "user_id": "bia",
        "name": "Bia",
    }
    assert server.take_over("ana").state == human("ana", at=7)


def test_assigning_a_chat_of_the_assistant_gives_it_to_a_person(
    server: StaffedProcess, store: StaffedStore
) -> None:
    chat = server.attendance.assign(ANA, store.chat.id, user_id="owner")

    assert chat.state == human("owner", at=3)
    assert server.hear("Hello?", 2).status is MessageStatus.HUMAN


@pytest.mark.parametrize("user_id", ["vic", "stranger", "gone", "nobody"])
def test_a_chat_is_assigned_to_nobody_who_may_not_answer(
    server: StaffedProcess, store: StaffedStore, user_id: str
) -> None:
    before = store.chat

    with pytest.raises(InvalidInput) as caught:
        server.attendance.assign(ANA, store.chat.id, user_id=user_id)

    assert caught.value.fields == {"user_id": "field.no_attendant"}
    assert store.chat == before


def test_closing_and_switching_off_keep_the_assistant_quiet(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    for number, (act, status, told) in enumerate(
        [
            ("deactivate", ChatStatus.INACTIVE, MessageStatus.INACTIVE),
            ("activate", ChatStatus.BOT, MessageStatus.ANSWERED),
            ("close", ChatStatus.CLOSED, MessageStatus.ANSWERED),
        ],
        2,
    ):
        ACTS[act](server.attendance, ANA, store.chat.id)
        assert store.chat.state == ChatState(status=status)
        assert server.hear("Anybody?", number).status is told

    assert store.chat.status is ChatStatus.BOT
    assert store.happened() == [
        "takeover",
        "deactivate",
        "activate",
        "close",
        "reopened",
    ]


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("takeover", "takeover"),
        ("activate", "release"),
        ("assign", "assign"),
        ("unassign", "unassign"),
        ("close", "close"),
        ("deactivate", "deactivate"),
        ("activate", "activate"),
    ],
)
def test_what_is_so_already_is_not_told_again(
    server: StaffedProcess, store: StaffedStore, first: str, again: str
) -> None:
    ACTS[first](server.attendance, ANA, store.chat.id)
    before = store.chat, store.timeline()

    answer = ACTS[again](server.attendance, ANA, store.chat.id)

    assert isinstance(answer, Chat)
    assert (store.chat, store.timeline()) == before
    assert answer == store.chat


@pytest.mark.parametrize("act", ["deactivate", "close"])
def test_what_no_person_has_is_not_released(
    server: StaffedProcess, store: StaffedStore, act: str
) -> None:
    ACTS[act](server.attendance, ANA, store.chat.id)
    before = store.chat

    with pytest.raises(ChatNotHuman):
        server.release()

    assert store.chat == before
