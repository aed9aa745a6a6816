"""Documents among the live events: told once to who lags behind."""

from collections.abc import Iterator

import pytest

from app.models.event import Position
from app.services.event_hub import BUFFERED
from tests.support.event_processes import (
    Processes,
    documents_event,
    event,
    eventually,
    everything,
    next_event,
    nothing_more,
    taken,
    told_documents,
)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.end()


def test_documents_are_told_in_every_process(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    subscriptions = [log.subscribe(everything) for log in (one, two)]

    one.publish(documents_event("d1", "d2"))

    assert [told_documents(each) for each in subscriptions] == [("d1", "d2")] * 2


def test_a_document_that_changes_again_before_it_is_told_is_told_once(
    processes: Processes,
) -> None:
    log = processes.start("a")
    subscription = log.subscribe(everything)

    log.publish(documents_event("d1", "d2"))
    log.publish(event(1))
    log.publish(documents_event("d3"))
    log.publish(documents_event("d1", "d3"))

    assert told_documents(subscription) == ("d2",)
    assert taken(subscription, 1) == ["m1"]
    assert told_documents(subscription) == ("d1", "d3")
    assert nothing_more(subscription)


def test_a_document_that_changes_after_it_was_told_is_told_again(
    processes: Processes,
) -> None:
    log = processes.start("a")
    subscription = log.subscribe(everything)

    for _ in range(3):
        log.publish(documents_event("d1"))
        assert told_documents(subscription) == ("d1",)


def test_a_document_that_several_processes_write_is_told_with_the_last(
    processes: Processes,
) -> None:
    server, worker = processes.start("a"), processes.start("b")
    server.publish(documents_event("d1"))
    eventually(lambda: processes.store.heads() == {"a": 1})
    worker.publish(documents_event("d1"))
    eventually(lambda: processes.store.heads() == {"a": 1, "b": 1})

    subscription = processes.start("c").subscribe(everything, after=Position({}))

    assert told_documents(subscription) == ("d1",)
    assert nothing_more(subscription)


def test_who_leaves_between_two_events_of_a_document_is_told_of_it_afterwards(
    processes: Processes,
) -> None:
    log = processes.start("a")
    subscription = log.subscribe(everything)
    log.publish(documents_event("d1"))
    log.publish(event(1))
    log.publish(documents_event("d1"))

    position, _ = next_event(subscription)
    resumed = log.subscribe(everything, after=position)

    assert told_documents(resumed) == ("d1",)
    assert nothing_more(resumed)


def test_indexing_for_long_does_not_cost_who_comes_back_their_chats(
    processes: Processes,
) -> None:
    log = processes.start("a")
    log.publish(event(1))
    for _ in range(BUFFERED * 2):
        log.publish(documents_event("d1"))
    log.publish(event(2))

    subscription = log.subscribe(everything, after=Position({}))

    assert taken(subscription, 1) == ["m1"]
    assert told_documents(subscription) == ("d1",)
    assert taken(subscription, 1) == ["m2"]


def test_what_comes_while_somebody_catches_up_is_told_once(
    processes: Processes,
) -> None:
    log = processes.start("a")
    log.publish(documents_event("d1", "d2"))
    eventually(lambda: processes.store.heads() == {"a": 1})
    subscription, start = log._hub.subscribe(everything, after=Position({}))
    log.publish(documents_event("d1"))

    log._catch_up(subscription, Position({}), start)

    assert told_documents(subscription) == ("d2",)
    assert told_documents(subscription) == ("d1",)
    assert nothing_more(subscription)
