"""What comes into an outbox, whose it is, and how it is waited for."""

import threading
from datetime import timedelta

import pytest

from app.errors import ChatBusy, Unauthorized
from app.models.api_key import ApiKey
from app.models.message import Author, MessageStatus
from app.services import outbox, turn_queue
from app.services.outbox import KEPT
from app.services.turn_queue import Turn
from app.services.turns import NOBODY
from tests.support.conversation import post
from tests.support.made import NOW, api_key, later
from tests.support.staffed import StaffedProcess, StaffedStore

QUICK = 0.005


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LOOK_AGAIN", QUICK)
    monkeypatch.setattr(outbox, "BETWEEN_LOOKS", QUICK)
    monkeypatch.setattr(turn_queue, "LOOK_AGAIN", 0.001)


@pytest.fixture
def store() -> StaffedStore:
    return StaffedStore()


@pytest.fixture
def server(store: StaffedStore) -> StaffedProcess:
    server = StaffedProcess(store)
    server.hear("Hi")
    return server


def acknowledge(server: StaffedProcess, store: StaffedStore, text: str) -> None:
    [wanted] = [m.id for m in store.messages.all() if m.text == text]
    server.outbox.acknowledge(store.key, wanted)


# Which answers come here


def test_an_answer_whose_caller_was_told_busy_is_handed_out(
    store: StaffedStore,
) -> None:
    server = StaffedProcess(store, longest_wait=0)
    first, second = server.queue_up("One"), server.queue_up("Two", 2)
    with pytest.raises(ChatBusy):
        server.answer(second)

    server.answer(first)
    server.run_late()

    [delivery] = server.outbox.next(store.key)
    assert delivery.text == "Answer to: Two"
    assert (delivery.author, delivery.in_reply_to) == (
        Author.ASSISTANT,
        second.message.id,
    )


def test_an_answer_that_its_caller_got_is_not_handed_out(
    server: StaffedProcess, store: StaffedStore
) -> None:
    assert server.hear("Hello?", 2).status is MessageStatus.ANSWERED

    assert server.outgoing() == []


def test_an_answer_that_a_repetition_returns_is_taken_out(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.answer(server.queue_up("One", 2), NOBODY)
    server.answer(server.queue_up("Two", 3), NOBODY)
    assert server.outgoing() == ["Answer to: One", "Answer to: Two"]

    assert server.hear("One", 2).response == "Answer to: One"

    assert server.outgoing() == ["Answer to: Two"]
    acknowledge(server, store, "Answer to: Two")
    assert server.outgoing() == []


def test_an_answer_that_a_takeover_suppressed_is_never_handed_out(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.provider.meanwhile = server.take_over

    server.answer(server.queue_up("One", 2), NOBODY)

    assert server.outgoing() == []
    assert store.timeline()[-1].status is MessageStatus.SUPPRESSED


# Whose it is


def test_the_key_that_posted_last_delivers(
    server: StaffedProcess, store: StaffedStore
) -> None:
    further = api_key(main=False)
    server.write("To the first")
    accepted = server.intake.accept(further, post("Hi", message_id="m9"))
    server.write("To the second")

    assert accepted
    assert server.outgoing() == ["To the first"]
    assert texts(server, further) == ["To the second"]


def test_keys_of_others_see_and_acknowledge_nothing(
    server: StaffedProcess, store: StaffedStore
) -> None:
    written = server.write("One")
    server.outgoing()

    for key in (api_key(), api_key(assistant_id="a2")):
        assert texts(server, key) == []
        server.outbox.acknowledge(key, written.id)

    assert server.outgoing() == ["One"]


def test_the_main_key_delivers_what_a_deleted_one_had_to(
    server: StaffedProcess, store: StaffedStore
) -> None:
    further = api_key(main=False)
    server.intake.accept(further, post("Hi", message_id="m9"))
    server.write("One")
    assert texts(server, further) == ["One"]

    server.outbox.reassign("a1", further.id, store.key.id)
    server.write("Two")

    assert texts(server, further) == []
    assert server.outgoing() == ["One", "Two"]


@pytest.mark.parametrize("fate", ["deleted", "expired"])
def test_the_main_key_delivers_what_came_for_a_key_that_had_gone(
    server: StaffedProcess, store: StaffedStore, fate: str
) -> None:
    """Its last turn was still running when nobody could use it any more."""
    further = api_key(main=False, expires_at=later(10))
    store.keys.add(further)
    turn = server.intake.accept(further, post("Hi", message_id="m9"))
    assert isinstance(turn, Turn)
    if fate == "expired":
        server.clock.wall = later(10)
    else:
        store.keys.remove_further("a1", further.id)
    server.answer(turn, NOBODY)
    assert server.outgoing() == []

    server.outbox.reassign_forsaken()
    server.write("Ana here.")

    assert server.outgoing() == ["Answer to: Hi", "Ana here."]


def test_what_lies_with_keys_in_use_stays_there(
    server: StaffedProcess, store: StaffedStore
) -> None:
    further = api_key(main=False, expires_at=later(10))
    store.keys.add(further)
    server.write("One")
    server.intake.accept(further, post("Hi", message_id="m9"))
    server.write("Two")

    server.outbox.reassign_forsaken()

    assert (server.outgoing(), texts(server, further)) == (["One"], ["Two"])


# For how long


def test_what_is_older_than_eight_days_is_not_sent_any_more(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.write("One")
    assert server.outgoing() == ["One"]

    server.clock.wall = NOW + KEPT
    assert server.outgoing() == ["One"]
    server.clock.wall += timedelta(milliseconds=1)
    server.write("Two")

    assert server.outgoing() == ["Two"]
    assert KEPT.days == 8


# Waiting


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_who_waits_gets_a_message_when_it_comes(
    server: StaffedProcess,
    store: StaffedStore,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "LOOK_AGAIN", 60 if where == "here" else QUICK)
    writer = server if where == "here" else StaffedProcess(store)
    looked = threading.Event()
    got: list[str] = []
    server.plan.hooks["FakeMessages.waiting_for"] = looked.set

    def wait() -> None:
        found = server.outbox.wait(store.key, 20, allowed=lambda: None)
        got.extend(delivery.text for delivery in found)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert looked.wait(10)
    writer.write("At last")
    waiting.join(10)

    assert got == ["At last"]


def test_who_waits_gets_a_late_answer_as_soon_as_it_is_written(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """It need not wait until the turn has left the queue, of which nobody tells."""
    turn = server.queue_up("One", 2)
    got: list[str] = []
    server.plan.hooks["FakeUsage.add"] = lambda: got.extend(
        StaffedProcess(store).outgoing()
    )

    server.answer(turn, NOBODY)

    assert got == ["Answer to: One"]


def test_who_waits_in_vain_gets_nothing_after_that_time(
    server: StaffedProcess, store: StaffedStore
) -> None:
    assert server.outbox.wait(store.key, 0.02, allowed=lambda: None) == []


def test_who_waits_is_sent_home_when_the_server_stops(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.plan.hooks["FakeMessages.waiting_for"] = server.stopping.set

    assert server.outbox.wait(store.key, 600, allowed=lambda: None) == []


def test_a_key_that_opens_nothing_any_more_waits_no_longer(
    server: StaffedProcess, store: StaffedStore
) -> None:
    def refuse() -> None:
        raise Unauthorized

    with pytest.raises(Unauthorized):
        server.outbox.wait(store.key, 600, allowed=refuse)


def texts(server: StaffedProcess, key: ApiKey) -> list[str]:
    return [delivery.text for delivery in server.outbox.next(key)]
