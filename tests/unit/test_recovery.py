"""Turns that nobody looks after any more come to their end."""

import pytest

from app.errors import ChatBusy, StoreUnavailable
from app.models.message import MessageStatus
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


def test_a_turn_of_a_dead_process_without_an_outcome_fails(store: Store) -> None:
    crashed(store, at="FakeMessages.add_inbound")
    assert statuses(store) == [PENDING]

    survivor = ServerProcess(store)
    survivor.bury_the_dead()

    [question] = store.timeline()
    assert (question.status, question.failure) == (FAILED, "interrupted")
    assert store.chat.queue == ()
    assert store.processes.beats().keys() == {survivor.name}
    assert survivor.post(post()).status is ANSWERED


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

    assert statuses(store) == [FAILED]
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

    assert statuses(store) == [FAILED, ANSWERED, SENT]


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
    plan._at = len(plan.calls) + 3  # beats, its chats, then the chat: refused
    with pytest.raises(StoreUnavailable):
        survivor.recovery.clear_up()
    assert dead.name in store.processes.beats()

    survivor.recovery.clear_up()

    assert dead.name not in store.processes.beats()
    assert statuses(store) == [FAILED]


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
