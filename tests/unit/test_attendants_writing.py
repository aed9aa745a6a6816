"""Attendants at one conversation at once, what they write, and their inbox."""

import pytest

from app.errors import AppError, ChatAssigned, StorageFull, StoreUnavailable
from app.models.chat import ChatState, ChatStatus
from app.models.message import Author, MessageStatus
from tests.support.made import later
from tests.support.races import at_once
from tests.support.staffed import (
    ANA,
    StaffedProcess,
    StaffedStore,
)


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


# Several people


def test_another_attendants_chat_is_not_taken_over(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over("ana")
    before = store.chat

    with pytest.raises(ChatAssigned) as caught:
        server.take_over("bia")

    assert caught.value.details == {"assigned_to": "ana"}
    assert store.chat == before


def test_of_attendants_at_once_exactly_one_has_the_chat(
    server: StaffedProcess, store: StaffedStore
) -> None:
    def take_over(number: int) -> str:
        try:
            server.take_over("ana" if number % 2 else "bia")
        except ChatAssigned:
            return "assigned"
        return "ana" if number % 2 else "bia"

    results = at_once(take_over, threads=8)

    [winner] = set(results) - {"assigned"}
    assert results.count(winner) == 4
    assert store.chat.assigned_to == winner
    assert store.happened() == ["takeover"]
    assert len({m.seq for m in store.timeline()}) == len(store.timeline()) == 3


def test_all_that_is_written_at_once_has_its_own_place(
    server: StaffedProcess, store: StaffedStore
) -> None:
    at_once(lambda n: server.write(f"Number {n}"), threads=16)

    written = [m for m in store.timeline() if m.author is Author.ATTENDANT]
    assert sorted(m.seq for m in written) == list(range(3, 19))
    assert {m.text for m in written} == {f"Number {n}" for n in range(16)}
    assert store.chat.state == human("ana", at=store.chat.state.attended or 0)
    assert store.chat.unwritten == ()


def test_an_entry_that_is_being_written_is_not_cleared_up(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.plan.hooks["FakeChats.append"] = lambda: server.entries.finish(server.name)

    server.write()

    assert server.plan.calls.count("FakeMessages.add_entry") == 1
    assert store.chat.unwritten == ()


@pytest.mark.parametrize("error", [StoreUnavailable, StorageFull])
@pytest.mark.parametrize("call", ["add_entry", "written"])
def test_what_is_decided_and_cannot_be_written_down_now_is_not_refused(
    server: StaffedProcess,
    store: StaffedStore,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: type[AppError],
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as trouble:
        place = store.messages if call == "add_entry" else store.chats
        trouble.setattr(place, call, fail)
        message = server.write("I refund you 10.")

    assert store.chat.state == human("ana", at=message.seq)
    server.recovery.clear_up()
    assert store.timeline()[-1] == message
    assert store.chat.unwritten == ()
    assert server.outgoing() == ["I refund you 10."]


# Writing


def test_who_writes_to_the_contact_takes_the_chat_over(
    server: StaffedProcess, store: StaffedStore
) -> None:
    message = server.write("Ana here.")

    assert store.timeline()[-1] == message
    assert (message.author, message.status) == (Author.ATTENDANT, MessageStatus.SENT)
    assert message.metadata == {"user_id": "ana", "name": "Ana"}
    assert message.deliver_to == store.key.id
    assert store.chat.state == human("ana", at=3)
    assert store.happened() == []


@pytest.mark.parametrize("silence", ["closed", "inactive"])
def test_who_writes_into_a_silent_chat_takes_it_over(
    server: StaffedProcess, store: StaffedStore, silence: str
) -> None:
    if silence == "closed":
        server.attendance.close(ANA, store.chat.id, reason=None)
    else:
        server.attendance.deactivate(ANA, store.chat.id)

    server.write(who="bia")

    assert store.chat.state == human("bia", at=4)


def test_who_helps_an_attendant_leaves_them_the_chat(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over("ana")

    server.write("Bia here.", who="bia")

    assert store.chat.state == human("ana", at=4)


def test_a_note_changes_nothing_and_goes_nowhere(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.take_over()
    server.hear("Hello?", 2)
    state = store.chat.state

    note = server.write("A difficult one", who="bia", note=True)

    assert (note.author, note.status) == (Author.ATTENDANT, MessageStatus.NOTE)
    assert note.deliver_to is None
    assert store.timeline()[-1] == note
    assert store.chat.state == state
    assert server.outgoing() == []


def test_a_note_leaves_the_assistant_answering(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.write("Watch this one", note=True)

    assert server.hear("And now?", 2).status is MessageStatus.ANSWERED
    prompt = server.provider.requests[-1].messages
    assert not any("Watch this one" in m.text for m in prompt)


def test_the_model_reads_afterwards_who_wrote_what(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.write("We are closed on Friday.")
    server.write("Be careful", note=True)
    server.hear("And Saturday?", 2)
    server.release()

    server.hear("Thanks", 3)

    head, *said = server.provider.requests[-1].messages
    assert "human attendant" in head.text
    assert [m.text for m in said] == [
        "Hi",
        "Answer to: Hi",
        "[human attendant] We are closed on Friday.",
        "And Saturday?",
        "Thanks",
    ]


# What an inbox needs


def test_unread_counts_the_contacts_messages_since_the_latest_answer(
    server: StaffedProcess, store: StaffedStore
) -> None:
    counts = [store.chat.unread]
    server.take_over()
    for number in (2, 3):
        server.hear("Hello?", number)
        counts.append(store.chat.unread)
    server.write(note=True)
    counts.append(store.chat.unread)
    server.write()
    counts.append(store.chat.unread)
    server.hear("Oh", 4)
    counts.append(store.chat.unread)
    server.release()
    counts.append(store.chat.unread)

    assert counts == [0, 1, 2, 2, 0, 1, 0]


def test_times_on_the_timeline_never_go_back(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """The clock does, by an hour."""
    server.write("One")
    server.clock.wall = later(-3600)
    server.write("Two")
    server.hear("Hello?", 2)
    server.write("Three")

    written = [m for m in store.timeline() if m.author is Author.ATTENDANT]
    times = [m.created_at for m in written]
    assert times == sorted(times)
    assert server.outgoing() == ["One", "Two", "Three"]
