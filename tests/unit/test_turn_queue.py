"""Waiting for a turn: not for ever, and without losing it."""

import threading
import time
from dataclasses import replace

import pytest

from app.errors import ChatBusy, ChatNotFound, StoreUnavailable, TurnInProgress
from app.models.ids import new_id
from app.models.message import MessageStatus
from app.services import turn_queue
from app.services.turn_queue import MOST_WAITING, Turn
from tests.support.conversation import ServerProcess, Store, post
from tests.support.faults import Plan


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_queue, "LOOK_AGAIN", 0.005)


@pytest.fixture
def store() -> Store:
    return Store()


def queue_up(server: ServerProcess, count: int) -> list[Turn]:
    turns = [server.accept(post("Hi", message_id=f"m{n}")) for n in range(count)]
    assert all(isinstance(turn, Turn) for turn in turns)
    return [turn for turn in turns if isinstance(turn, Turn)]


def statuses(store: Store) -> list[MessageStatus]:
    return [m.status for m in store.timeline() if m.turn]


def test_eight_may_wait_and_the_next_is_told_that_the_chat_is_busy(
    store: Store,
) -> None:
    server = ServerProcess(store, longest_wait=0.02)
    turns = queue_up(server, MOST_WAITING + 2)

    started = time.monotonic()
    with pytest.raises(ChatBusy) as caught:
        server.answer(turns[-1])
    assert time.monotonic() - started < 0.02
    assert caught.value.retry_after == 5
    assert caught.value.details["message_id"] == turns[-1].message.id

    with pytest.raises(ChatBusy):
        server.answer(turns[MOST_WAITING])
    assert time.monotonic() - started >= 0.02


def test_copies_that_came_at_once_do_not_make_a_chat_busy(store: Store) -> None:
    """Each is queued before the store tells it that its message is there already."""
    server = ServerProcess(store, longest_wait=0.02)
    [first] = queue_up(server, 1)
    for _ in range(MOST_WAITING + 1):
        store.chats.requeue(
            first.chat.id, replace(first.queued, id=new_id(), message_id=new_id())
        )
    last = server.accept(post("And?", message_id="last"))
    assert isinstance(last, Turn)
    assert len(last.chat.queue) > MOST_WAITING + 1

    started = time.monotonic()
    with pytest.raises(ChatBusy):
        server.answer(last)
    assert time.monotonic() - started >= 0.02


def test_who_was_told_busy_gets_the_turn_all_the_same(store: Store) -> None:
    server = ServerProcess(store, longest_wait=0.01)
    turns = queue_up(server, 12)
    for turn in reversed(turns[1:]):
        with pytest.raises(ChatBusy):
            server.answer(turn)
    assert statuses(store) == [MessageStatus.PENDING] * 12

    server.answer(turns[0])
    server.run_late()

    assert statuses(store) == [MessageStatus.ANSWERED] * 12
    asked = [request.question for request in server.provider.requests]
    assert len(asked) == 12
    assert server.queue.is_idle()
    assert server.post(post("Hi", message_id="m5")).replayed


def test_a_repetition_of_a_turn_left_behind_is_in_progress(store: Store) -> None:
    server = ServerProcess(store, longest_wait=0)
    turns = queue_up(server, 2)
    with pytest.raises(ChatBusy):
        server.answer(turns[1])

    with pytest.raises(TurnInProgress):
        server.accept(post("Hi", message_id="m1"))


def test_a_turn_left_behind_is_let_in_when_its_predecessor_ended_elsewhere(
    store: Store,
) -> None:
    first, second = ServerProcess(store), ServerProcess(store, longest_wait=0)
    [ahead] = queue_up(first, 1)
    late = second.accept(post("Hi", message_id="late"))
    assert isinstance(late, Turn)
    with pytest.raises(ChatBusy):
        second.answer(late)

    second.queue.look_after_late()
    assert second.late == []
    first.answer(ahead)
    second.queue.look_after_late()
    second.queue.look_after_late()
    assert second.late == [late]
    second.run_late()

    assert statuses(store) == [MessageStatus.ANSWERED] * 2
    assert second.queue.is_idle()


def test_a_turn_waits_for_one_of_another_process(store: Store) -> None:
    first, second = ServerProcess(store), ServerProcess(store)
    [ahead] = queue_up(first, 1)
    first.provider.meanwhile = lambda: time.sleep(0.05)
    thread = threading.Thread(target=first.answer, args=(ahead,))
    thread.start()

    second.post(post("And?", message_id="second"))
    thread.join()

    [request] = second.provider.requests
    assert "Answer to: Hi" in [m.text for m in request.messages]


def test_a_turn_that_is_reached_while_its_caller_gives_up_still_comes(
    store: Store,
) -> None:
    """The predecessor leaves between the caller's last look and its giving up."""
    server = ServerProcess(store, longest_wait=0)
    turns = queue_up(server, 2)
    place = server.queue._places[turns[1].id]
    real = server.queue._leave_behind

    def meanwhile(*args: object) -> bool:
        server.answer(turns[0])
        return real(*args)  # type: ignore[arg-type]

    server.queue._leave_behind = meanwhile  # type: ignore[method-assign, assignment]

    result = server.answer(turns[1])

    assert place.reached.is_set()
    assert result.status is MessageStatus.ANSWERED
    assert server.late == []
    assert len(server.provider.requests) == 2


def test_a_late_turn_is_let_in_once(store: Store) -> None:
    server = ServerProcess(store, longest_wait=0)
    turns = queue_up(server, 2)
    with pytest.raises(ChatBusy):
        server.answer(turns[1])
    server.answer(turns[0])
    server.queue.look_after_late()

    assert server.late == [turns[1]]


def test_a_turn_whose_chat_goes_is_given_up(store: Store) -> None:
    server = ServerProcess(store)
    turns = queue_up(server, 2)
    store.chats.remove_for_assistant("a1")

    with pytest.raises(ChatNotFound):
        server.answer(turns[1])
    with pytest.raises(ChatNotFound):
        server.answer(turns[0])
    assert server.queue.is_idle()


def test_a_late_turn_whose_chat_goes_is_given_up(store: Store) -> None:
    server = ServerProcess(store, longest_wait=0)
    turns = queue_up(server, 2)
    with pytest.raises(ChatBusy):
        server.answer(turns[1])
    store.chats.remove_for_assistant("a1")

    server.queue.look_after_late()

    assert not server.queue.looks_after(turns[1].id)


def test_a_place_is_given_up_though_the_store_fails(store: Store) -> None:
    plan = Plan()
    server = ServerProcess(store, plan=plan)
    [turn] = queue_up(server, 1)
    plan._at = len(plan.calls) + 1

    with pytest.raises(StoreUnavailable):
        server.queue.leave(turn.chat.id, turn.id)

    assert server.queue.is_idle()
    assert store.chat.queue == (turn.queued,)
