"""Turns that nobody looks after any more come to their end."""

from typing import Any

import pytest

from app.errors import ChatBusy, StoreUnavailable, TurnInProgress
from app.models.chat import Channel
from app.models.message import MessageStatus
from app.services.recovery import MOST_UNAVAILABLE
from app.services.turn_queue import Turn
from tests.support.conversation import Clock, ServerProcess, Store, post
from tests.support.faults import Crash, Plan
from tests.support.made import NOW

PENDING, FAILED = MessageStatus.PENDING, MessageStatus.FAILED
ANSWERED, SENT = MessageStatus.ANSWERED, MessageStatus.SENT


@pytest.fixture
def store() -> Store:
    return Store()


def crashed(store: Store, *, at: str) -> ServerProcess:
    """Return a process that died right after this call of its turn."""
    plan = Plan()
    server = ServerProcess(store, plan=plan)

    def die() -> None:
        raise Crash

    plan.hooks[at] = die
    with pytest.raises(Crash):
        server.post(post())
    return server


def statuses(store: Store) -> list[MessageStatus]:
    return [message.status for message in store.timeline()]


def test_a_turn_of_a_dead_process_is_run_once_more_for_the_outbox(
    store: Store,
) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    assert statuses(store) == [PENDING]

    survivor = ServerProcess(store)
    survivor.bury_the_dead()
    with pytest.raises(TurnInProgress):
        survivor.post(post())
    survivor.run_late()

    question, answer = store.timeline()
    assert (question.status, answer.status) == (ANSWERED, SENT)
    assert answer.deliver_to == store.key.id
    assert store.chat.queue == ()
    assert store.processes.beats().keys() == {survivor.name}


def test_an_answer_that_a_repetition_returns_leaves_the_outbox(store: Store) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    survivor = ServerProcess(store)
    survivor.bury_the_dead()
    survivor.run_late()

    result = survivor.post(post())

    assert (result.replayed, result.status) == (True, ANSWERED)
    assert store.timeline()[-1].deliver_to is None


@pytest.mark.parametrize("at", ["FakeMessages.add_answer", "FakeUsage.add"])
def test_an_answer_that_was_written_and_not_told_is_handed_out(
    store: Store, at: str
) -> None:
    crashed(store, at=at)
    assert store.timeline()[-1].deliver_to is None

    ServerProcess(store).bury_the_dead()

    assert store.timeline()[-1].deliver_to == store.key.id
    assert len(store.usage.entries) == 1
    assert store.chat.queue == ()


def test_a_turn_that_was_cut_short_twice_fails_and_may_be_sent_again(
    store: Store,
) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    second = ServerProcess(store)
    second.bury_the_dead()

    survivor = ServerProcess(store)  # the second never ran it
    survivor.bury_the_dead()

    [question] = store.timeline()
    assert (question.status, question.failure) == (FAILED, "interrupted")
    assert store.chat.queue == ()
    assert survivor.late == []
    assert survivor.post(post()).status is ANSWERED


def test_a_death_between_the_steps_of_resuming_leaves_no_message_waiting(
    store: Store,
) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    plan = Plan()
    second = ServerProcess(store, plan=plan)

    def die() -> None:
        raise Crash

    plan.hooks["FakeChats.resume"] = die
    with pytest.raises(Crash):
        second.bury_the_dead()

    ServerProcess(store).bury_the_dead()

    assert statuses(store) == [FAILED]
    assert store.chat.queue == ()


def test_a_settled_answer_of_a_dead_process_is_written_down_once(
    store: Store,
) -> None:
    crashed(store, at="FakeChats.settle")
    assert len(store.timeline()) == 1

    survivor = ServerProcess(store)
    for _ in range(3):
        survivor.bury_the_dead()

    assert statuses(store) == [ANSWERED, SENT]
    assert len(store.usage.entries) == 1
    assert store.chat.queue == ()
    result = survivor.post(post())
    assert (result.replayed, result.response) == (True, "Answer to: Good morning")


def test_two_survivors_clear_up_as_one(store: Store) -> None:
    crashed(store, at="FakeChats.settle")
    one, two = ServerProcess(store), ServerProcess(store)
    for _ in range(8):
        for survivor in (one, two):
            survivor.recovery.clear_up()
            survivor.presence.beat()
            survivor.clock.seconds += 3

    assert statuses(store) == [ANSWERED, SENT]
    assert len(store.usage.entries) == 1


def test_the_living_are_left_alone(store: Store) -> None:
    living = ServerProcess(store)
    turn = living.accept(post())
    assert isinstance(turn, Turn)
    watcher = ServerProcess(store)
    for _ in range(20):
        living.presence.beat()
        watcher.recovery.clear_up()
        watcher.clock.seconds += 3

    assert statuses(store) == [PENDING]
    living.recovery.clear_up()
    assert statuses(store) == [PENDING]
    assert living.answer(turn).status is ANSWERED


def test_what_went_wrong_in_ones_own_process_is_cleared_up(store: Store) -> None:
    plan = Plan()
    server = ServerProcess(store, plan=plan)
    turn = server.accept(post())
    assert isinstance(turn, Turn)
    plan._at = len(plan.calls) + 1
    with pytest.raises(StoreUnavailable):
        server.answer(turn)
    assert statuses(store) == [PENDING]

    server.recovery.clear_up()
    server.run_late()

    assert statuses(store) == [ANSWERED, SENT]
    assert store.chat.queue == ()


def test_who_waited_behind_the_dead_is_let_in(store: Store) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    survivor = ServerProcess(store, longest_wait=0)
    turn = survivor.accept(post("Second", message_id="m2"))
    assert isinstance(turn, Turn)
    with pytest.raises(ChatBusy):
        survivor.answer(turn)

    survivor.bury_the_dead()
    survivor.run_late()
    survivor.bury_the_dead()
    survivor.run_late()

    assert statuses(store) == [ANSWERED, ANSWERED, SENT, SENT]


def test_a_dead_process_is_not_forgotten_before_all_is_cleared_up(
    store: Store,
) -> None:
    dead = crashed(store, at="FakeMessages.add_inbound")
    plan = Plan()
    survivor = ServerProcess(store, plan=plan)
    survivor.recovery.clear_up()
    for _ in range(5):
        survivor.clock.seconds += 3
        survivor.presence.find_dead()
    plan._at = len(plan.calls) + 4  # beats, entries, its chats, then a look: refused
    with pytest.raises(StoreUnavailable):
        survivor.recovery.clear_up()
    assert dead.name in store.processes.beats()

    survivor.recovery.clear_up()
    survivor.run_late()

    assert dead.name not in store.processes.beats()
    assert statuses(store) == [ANSWERED, SENT]


def left_behind(store: Store, chats: int) -> ServerProcess:
    """Return a process whose turns in so many chats lost the store."""
    plan = Plan()
    server = ServerProcess(store, plan=plan)
    for number in range(chats):
        contact = Channel(message_service="test", id=f"contact {number}")
        sent = post(channel=contact, message_id=f"m{number}")
        turn = server.accept(sent)
        assert isinstance(turn, Turn)
        plan._at = len(plan.calls) + 1
        with pytest.raises(StoreUnavailable):
            server.answer(turn)
    return server


def failing_at_resuming(server: ServerProcess, errors: list[Exception]) -> None:
    """Let the first chats that the server comes to fail so."""
    real = server.recovery._resume

    def resume(*args: Any) -> bool:
        if errors:
            raise errors.pop(0)
        return real(*args)

    server.recovery._resume = resume  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("error", [StoreUnavailable(), ValueError("a broken row")])
def test_what_fails_in_one_chat_keeps_no_other_from_its_end(
    store: Store, error: Exception
) -> None:
    server = left_behind(store, 3)
    failing_at_resuming(server, [error])

    with pytest.raises(type(error)):
        server.recovery.clear_up()
    server.run_late()
    assert sum(not chat.queue for chat in store.chats.all()) == 2

    server.recovery.clear_up()
    server.run_late()
    assert not any(chat.queue for chat in store.chats.all())


def test_what_fails_of_the_dead_keeps_not_ones_own_from_its_end(store: Store) -> None:
    dead = crashed(store, at="FakeMessages.add_inbound")
    server = left_behind(store, 1)
    for _ in range(6):
        server.clock.seconds += 3
        server.presence.find_dead()
    failing_at_resuming(server, [ValueError("a broken row")])

    with pytest.raises(ValueError, match="broken"):
        server.recovery.clear_up()
    server.run_late()

    assert dead.name in store.processes.beats()
    assert sum(not chat.queue for chat in store.chats.all()) == 1


def test_a_round_ends_where_the_store_is_away(store: Store) -> None:
    server = left_behind(store, 6)
    errors: list[Exception] = [StoreUnavailable() for _ in range(6)]
    failing_at_resuming(server, errors)

    with pytest.raises(StoreUnavailable):
        server.recovery.clear_up()

    assert len(errors) == 6 - MOST_UNAVAILABLE


def test_turns_of_a_deleted_assistant_leave_no_figures(store: Store) -> None:
    crashed(store, at="FakeChats.settle")
    store.assistants.mark_deleted("a1", now=NOW)

    ServerProcess(store).bury_the_dead()

    assert statuses(store) == [FAILED]
    assert store.chat.queue == ()


def test_clocks_that_differ_kill_nobody(store: Store) -> None:
    ahead = Clock()
    ahead.seconds, ahead.wall = 9e9, NOW.replace(year=2030)
    living, watcher = ServerProcess(store), ServerProcess(store, clock=ahead)
    turn = living.accept(post())
    assert isinstance(turn, Turn)
    for _ in range(3):
        watcher.recovery.clear_up()

    assert living.answer(turn).status is ANSWERED
