"""A chat goes back to the assistant when its attendant has been silent long."""

import contextlib
from datetime import timedelta

import pytest

from app.errors import StoreUnavailable
from app.models.assistant import Takeover
from app.models.chat import Channel, ChatState, ChatStatus
from app.models.message import Author, MessageStatus
from tests.support.conversation import post
from tests.support.made import later
from tests.support.staffed import ANA, StaffedProcess, StaffedStore

MINUTES = 10


@pytest.fixture
def store() -> StaffedStore:
    return StaffedStore(return_after_minutes=MINUTES)


@pytest.fixture
def server(store: StaffedStore) -> StaffedProcess:
    server = StaffedProcess(store)
    server.hear("Hi")
    return server


def wait(server: StaffedProcess, minutes: float) -> None:
    """Let time pass; the timer looks every now and then."""
    for _ in range(10):
        server.clock.seconds += minutes * 6
        server.return_timer.look()


def test_an_attendant_who_is_silent_long_gives_the_chat_back(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.write()
    server.hear("Hello?", 2)
    server.return_timer.look()

    wait(server, MINUTES - 0.1)
    assert store.chat.assigned_to == "ana"
    wait(server, 0.2)

    assert store.chat.state == ChatState(status=ChatStatus.BOT, unread=1)
    told = store.timeline()[-1]
    assert (told.author, told.status) == (Author.SYSTEM, MessageStatus.NOTE)
    assert told.metadata == {"event": "returned"}
    assert server.hear("And now?", 3).status is MessageStatus.ANSWERED
    wait(server, 3 * MINUTES)
    assert store.happened() == ["takeover", "returned"]


def test_the_attendants_next_message_starts_the_time_anew(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    for number in range(3):
        wait(server, MINUTES - 1)
        server.write(f"Message {number}")
        server.return_timer.look()

    wait(server, MINUTES - 1)
    assert store.chat.assigned_to == "ana"
    wait(server, 2)
    assert store.chat.status is ChatStatus.BOT


def test_what_others_write_does_not_start_it_anew(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    wait(server, MINUTES - 1)

    server.hear("Hello?", 2)
    server.write("Where is she?", who="bia", note=True)
    wait(server, 2)

    assert store.chat.status is ChatStatus.BOT


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)])
def test_a_wall_clock_that_jumps_does_nothing(
    server: StaffedProcess, store: StaffedStore, jump: timedelta
) -> None:
    server.take_over()
    server.return_timer.look()
    wait(server, MINUTES - 1)

    server.clock.wall += jump
    server.return_timer.look()
    assert store.chat.assigned_to == "ana"
    wait(server, 2)

    assert store.chat.status is ChatStatus.BOT


def test_an_assistant_without_the_setting_waits_for_ever() -> None:
    store = StaffedStore()
    server = StaffedProcess(store)
    server.hear("Hi")
    server.take_over()
    server.return_timer.look()

    wait(server, 1e6)

    assert store.chat.assigned_to == "ana"


def test_a_setting_that_changes_counts_at_once(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    shorter = Takeover(return_after_minutes=2)
    store.assistants.update("a1", {"takeover": shorter}, now=later(0))

    wait(server, 2.1)

    assert store.chat.status is ChatStatus.BOT


def test_a_chat_that_nobody_has_taken_is_not_timed(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.attendance.assign(ANA, store.chat.id, user_id=None)
    server.return_timer.look()

    wait(server, 10 * MINUTES)

    assert store.chat.status is ChatStatus.HUMAN


@pytest.mark.parametrize("taken", [False, True], ids=["of the bot", "of Ana"])
def test_an_assignment_counts_as_the_attendants_last_sign(
    server: StaffedProcess, store: StaffedStore, *, taken: bool
) -> None:
    if taken:
        server.take_over()
        server.return_timer.look()
        wait(server, MINUTES - 1)
    server.attendance.assign(ANA, store.chat.id, user_id="bia")
    server.return_timer.look()

    wait(server, MINUTES - 1)
    assert store.chat.assigned_to == "bia"
    wait(server, 2)

    assert store.chat.status is ChatStatus.BOT


def test_where_no_assistant_has_the_setting_no_chat_is_read() -> None:
    store = StaffedStore()
    server = StaffedProcess(store)
    server.hear("Hi")
    server.take_over()
    before = len(server.plan.calls)

    server.return_timer.look()

    assert not any(call.startswith("FakeChats") for call in server.plan.calls[before:])


def test_a_chat_that_was_released_and_taken_again_has_its_whole_time(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    wait(server, MINUTES - 1)
    server.release()
    server.take_over()

    wait(server, MINUTES - 1)
    assert store.chat.assigned_to == "ana"

    server.release()
    wait(server, 2 * MINUTES)
    assert store.happened() == ["takeover", "release"] * 2


def test_an_attendant_who_writes_at_the_last_moment_keeps_the_chat(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    server.clock.seconds += MINUTES * 60
    other = StaffedProcess(store)
    server.plan.hooks["FakeChats.list_attended"] = other.write

    server.return_timer.look()

    assert store.chat.assigned_to == "ana"
    assert store.happened() == ["takeover"]


def test_several_processes_give_it_back_once(
    server: StaffedProcess, store: StaffedStore
) -> None:
    other = StaffedProcess(store, clock=server.clock)
    server.take_over()
    for process in (server, other):
        process.return_timer.look()
    server.clock.seconds += MINUTES * 60
    server.plan.hooks["FakeChats.list_attended"] = other.return_timer.look

    server.return_timer.look()

    assert store.happened() == ["takeover", "returned"]


def test_after_a_restart_the_time_begins_anew(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.return_timer.look()
    wait(server, MINUTES - 1)

    restarted = StaffedProcess(store, clock=server.clock)
    restarted.return_timer.look()
    wait(restarted, MINUTES - 1)
    assert store.chat.assigned_to == "ana"
    wait(restarted, 2)
    assert store.chat.status is ChatStatus.BOT


@pytest.mark.parametrize("call", range(1, 14))
def test_a_store_that_fails_puts_no_chat_off(store: StaffedStore, call: int) -> None:
    server = StaffedProcess(store)
    for name in ("one", "two", "three"):
        server.post(post(channel=Channel(id=name, message_service="sms")))
        server.attendance.take_over(ANA, name, reason=None)
    server.return_timer.look()
    server.clock.seconds += MINUTES * 60
    server.plan._at = len(server.plan.calls) + call

    with contextlib.suppress(StoreUnavailable):
        server.return_timer.look()
    assert server.plan.happened
    server.entries.finish(server.name)
    server.return_timer.look()

    assert {chat.status for chat in store.chats.all()} == {ChatStatus.BOT}
    told = [m for m in store.messages.all() if m.metadata.get("event") == "returned"]
    returned = [m.chat_id for m in told]
    assert len(returned) == len(set(returned)) == 3
