"""What a bot is handed out: everything, in order, until it says it has it."""

import threading
from dataclasses import replace

import pytest

from app.models.chat import Channel
from app.models.message import Author
from app.services import outbox, turn_queue
from app.services.outbox import MOST_HANDED_OUT
from app.services.turns import NOBODY
from tests.support.conversation import post
from tests.support.faults import Crash
from tests.support.made import CHANNEL, later
from tests.support.races import at_once
from tests.support.staffed import ANA, StaffedProcess, StaffedStore

OTHER = Channel(id="other", message_service="sms")
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


def write_to(server: StaffedProcess, chat: str, text: str) -> None:
    server.attendance.write(ANA, chat, text=text, note=False)


def died_while_writing(store: StaffedStore, text: str) -> StaffedProcess:
    """Return a process that died when its entry had a place in the chat only."""
    process = StaffedProcess(store)

    def die() -> None:
        raise Crash

    process.plan.hooks["FakeChats.append"] = die
    with pytest.raises(Crash):
        process.write(text)
    return process


# Handing out


def test_what_an_attendant_writes_is_handed_out_as_the_bot_needs_it(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.clock.wall = later(60)
    written = server.write("Ana here.")
    server.write("Difficult", note=True)

    [delivery] = server.outbox.next(store.key)

    assert (delivery.id, delivery.chat_id) == (written.id, store.chat.id)
    assert delivery.channel == CHANNEL
    assert (delivery.author, delivery.text) == (Author.ATTENDANT, "Ana here.")
    assert (delivery.in_reply_to, delivery.created_at) == (None, later(60))


def test_it_comes_again_until_it_is_acknowledged(
    server: StaffedProcess, store: StaffedStore
) -> None:
    for text in ("One", "Two", "Three"):
        server.write(text)
    assert server.outgoing() == server.outgoing() == ["One", "Two", "Three"]

    acknowledge(server, store, "Two")
    assert server.outgoing() == ["Three"]
    server.write("Four")
    assert server.outgoing() == ["Three", "Four"]
    acknowledge(server, store, "Four")

    assert server.outgoing() == []
    assert {m.deliver_to for m in store.timeline()} == {None}
    assert len(store.timeline()) == 6


def test_what_was_not_handed_out_is_not_acknowledged(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.write("One")
    server.outgoing()
    server.write("Two")

    for name in ("nothing of ours", store.timeline()[0].id, store.timeline()[-1].id):
        server.outbox.acknowledge(store.key, name)

    assert server.outgoing() == ["One", "Two"]


def test_an_old_acknowledgement_takes_nothing_more_out(
    server: StaffedProcess, store: StaffedStore
) -> None:
    for text in ("One", "Two"):
        server.write(text)
        server.outgoing()
        acknowledge(server, store, text)
    server.write("Three")
    server.outgoing()

    acknowledge(server, store, "One")

    assert server.outgoing() == ["Three"]


def test_many_are_handed_out_part_by_part(
    server: StaffedProcess, store: StaffedStore
) -> None:
    texts = [str(number) for number in range(2 * MOST_HANDED_OUT + 5)]
    for text in texts:
        server.write(text)

    got: list[str] = []
    while part := server.outgoing():
        assert len(part) <= MOST_HANDED_OUT
        got += part
        acknowledge(server, store, part[-1])

    assert got == texts


# Order


def test_what_comes_later_waits_for_an_entry_on_its_way(
    server: StaffedProcess, store: StaffedStore
) -> None:
    other = StaffedProcess(store)
    seen: list[list[str]] = []

    def meanwhile() -> None:
        other.write("Two")
        seen.append(other.outgoing())

    server.plan.hooks["FakeChats.append"] = meanwhile
    server.write("One")

    assert seen == [[]]
    assert server.outgoing() == ["One", "Two"]


def test_what_comes_later_waits_for_a_settled_answer_on_its_way(
    server: StaffedProcess, store: StaffedStore
) -> None:
    other = StaffedProcess(store)
    seen: list[list[str]] = []

    def meanwhile() -> None:
        other.write("Two")
        seen.append(other.outgoing())

    server.plan.hooks["FakeChats.settle"] = meanwhile
    server.answer(server.queue_up("One", 2), NOBODY)

    assert seen == [[]]
    assert server.outgoing() == ["Answer to: One", "Two"]


def test_an_entry_that_begins_while_the_outbox_looks_is_not_overtaken(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """Between its looks one message gets a place, and a later one is written."""
    server.write("Zero")
    slow, quick = StaffedProcess(store), StaffedProcess(store)
    slow.plan.hooks["FakeChats.append"] = lambda: quick.write("Two")
    server.plan.hooks["FakeChats.find_by_ids"] = lambda: slow.write("One")

    first = server.outgoing()

    assert first == ["Zero"]
    assert server.outgoing() == ["Zero", "One", "Two"]


def test_an_entry_that_arrives_while_the_outbox_looks_comes_first(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """Its chat tells nothing of it any more when the outbox reads that."""
    dead = died_while_writing(store, "One")
    server.write("Two")
    other = StaffedProcess(store)
    server.plan.hooks["FakeMessages.waiting_for"] = lambda: other.entries.finish(
        dead.name
    )

    assert server.outgoing() == ["One", "Two"]


def test_another_chats_message_does_not_wait(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.post(post("Hi", channel=OTHER))
    quick = StaffedProcess(store)
    seen: list[list[str]] = []

    def meanwhile() -> None:
        write_to(quick, OTHER.id, "Quick")
        seen.append(quick.outgoing())

    server.plan.hooks["FakeChats.append"] = meanwhile
    write_to(server, CHANNEL.id, "Slow")

    assert seen == [["Quick"]]


def test_what_turns_up_late_with_an_older_place_is_not_lost(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.post(post("Hi", channel=OTHER))
    quick = StaffedProcess(store)
    quick.clock.wall = later(60)

    def meanwhile() -> None:
        write_to(quick, OTHER.id, "Quick")
        assert quick.outgoing() == ["Quick"]

    server.plan.hooks["FakeChats.append"] = meanwhile
    write_to(server, CHANNEL.id, "Slow")

    acknowledge(server, store, "Quick")
    assert server.outgoing() == ["Slow"]


def test_what_was_handed_out_keeps_its_order_after_a_restart(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.post(post("Hi", channel=OTHER))
    server.clock.wall = later(60)
    write_to(server, OTHER.id, "Later")
    assert server.outgoing() == ["Later"]
    server.clock.wall = later(30)
    write_to(server, CHANNEL.id, "Older")
    assert server.outgoing() == ["Later", "Older"]

    restarted = StaffedProcess(store)

    assert restarted.outgoing() == ["Later", "Older"]
    acknowledge(restarted, store, "Later")
    assert restarted.outgoing() == ["Older"]


def test_an_entry_of_a_dead_process_comes_in_its_place(
    server: StaffedProcess, store: StaffedStore
) -> None:
    died_while_writing(store, "One")
    server.write("Two")
    assert server.outgoing() == []

    server.bury_the_dead()

    assert server.outgoing() == ["One", "Two"]


# Several pollers


def test_two_pollers_get_the_same_and_either_may_acknowledge(
    server: StaffedProcess, store: StaffedStore
) -> None:
    other = StaffedProcess(store)
    for text in ("One", "Two", "Three"):
        server.write(text)

    assert server.outgoing() == other.outgoing() == ["One", "Two", "Three"]
    acknowledge(server, store, "Two")
    acknowledge(other, store, "One")

    assert server.outgoing() == other.outgoing() == ["Three"]


def test_an_acknowledgement_meets_another_poller(
    server: StaffedProcess, store: StaffedStore
) -> None:
    other = StaffedProcess(store)
    server.write("One")
    server.outgoing()

    def meanwhile() -> None:
        other.write("Two")
        assert other.outgoing() == ["One", "Two"]

    server.plan.hooks["FakeOutboxes.get"] = meanwhile
    acknowledge(server, store, "One")

    assert server.outgoing() == ["Two"]


def test_many_pollers_and_writers_lose_nothing_and_keep_each_chats_order(
    server: StaffedProcess, store: StaffedStore
) -> None:
    for number in range(2):
        server.post(post(channel=replace(CHANNEL, id=f"c{number}")))
    got: list[list[tuple[str, int]]] = [[] for _ in range(4)]
    done = threading.Event()

    def work(number: int) -> None:
        process = StaffedProcess(store)
        if number < 2:
            for count in range(40):
                write_to(process, f"c{number}", f"{count}")
            return
        while not done.is_set() or process.outbox.next(store.key):
            for delivery in process.outbox.next(store.key):
                got[number].append((delivery.channel.id, int(delivery.text)))
                process.outbox.acknowledge(store.key, delivery.id)
            if all(
                len({t for part in got for c, t in part if c == f"c{n}"}) == 40
                for n in range(2)
            ):
                done.set()

    at_once(work, threads=4)

    for part in got:
        for chat in ("c0", "c1"):
            first = list(dict.fromkeys(text for c, text in part if c == chat))
            assert first == sorted(first)
    assert server.outgoing() == []
