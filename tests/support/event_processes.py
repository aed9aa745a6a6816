"""Server processes that publish live events through one store."""

import time
from collections.abc import Callable
from typing import TypeVar

from app.models.event import ChatEvent, DocumentsEvent, Event, Position
from app.services.event_hub import Reset, Subscription
from app.services.event_log import EventLog
from tests.support.conversation import Clock
from tests.support.fake_events import FakeEvents
from tests.support.faults import Plan, faulty

T = TypeVar("T")

SOON = 10.0
QUICK = 0.005


class Processes:
    """Each by its name; ``end`` them, as a test's last act."""

    def __init__(self) -> None:
        self.store = FakeEvents()
        self.clock = Clock()
        self._started: list[EventLog] = []

    def start(self, name: str, store: FakeEvents | None = None) -> EventLog:
        made = EventLog(
            process=name,
            events=store or self.store,
            now=self.clock.now,
            write_every=QUICK,
            read_every=QUICK,
        )
        self._started.append(made)
        return made

    def start_with_faults(self, name: str) -> tuple[EventLog, "Outage"]:
        """Start one whose store can be taken away."""
        outage = Outage()
        return self.start(name, faulty(self.store, outage)), outage

    def end(self) -> None:
        for log in self._started:
            log.close()


class Outage(Plan):
    """Lets every call through but those that ``refuses`` names.

    Those that ``loses_answers_of`` names do their work and fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refuses: set[str] = set()
        self.loses_answers_of: set[str] = set()
        self.refused = 0

    def run(self, name: str, call: Callable[[], T]) -> T:
        method = name.partition(".")[2]
        if method in self.refuses:
            self.refused += 1
            raise self._error()
        result = call()
        if method in self.loses_answers_of:
            raise self._error()
        return result


def event(number: int, assistant_id: str = "a1") -> ChatEvent:
    return ChatEvent(
        assistant_id=assistant_id, chat_id=f"c{number % 7}", message_ids=(f"m{number}",)
    )


def documents_event(*document_ids: str, assistant_id: str = "a1") -> DocumentsEvent:
    return DocumentsEvent(assistant_id=assistant_id, document_ids=document_ids)


def everything(_: Event) -> bool:
    return True


def taken(subscription: Subscription, count: int) -> list[str]:
    """Return the messages of the next events, by their ids."""
    return [told(subscription)[1].message_ids[0] for _ in range(count)]


def told(subscription: Subscription) -> tuple[Position, ChatEvent]:
    position, event = next_event(subscription)
    assert isinstance(event, ChatEvent), event
    return position, event


def told_documents(subscription: Subscription) -> tuple[str, ...]:
    _, event = next_event(subscription)
    assert isinstance(event, DocumentsEvent), event
    return event.document_ids


def next_event(subscription: Subscription) -> tuple[Position, Event]:
    found = subscription.get(SOON)
    assert isinstance(found, tuple), found
    return found


def is_reset(subscription: Subscription) -> bool:
    return isinstance(subscription.get(SOON), Reset)


def nothing_more(subscription: Subscription) -> bool:
    return subscription.get(QUICK * 20) is None


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)
