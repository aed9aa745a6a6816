"""Live events inside one process: who is told of what."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from app.models.event import Event, EventBatch, Position
from app.services.waiting_events import Numbered, WaitingEvents

BUFFERED = 1000
BACKLOG = 10_000

Wanted = Callable[[Event], bool]


@dataclass(frozen=True, slots=True)
class Reset:
    """Events were missed: what is shown has to be read anew, up to ``position``."""

    position: Position


class Subscription:
    """The events that somebody waits for, at most 1,000 that were not taken yet."""

    def __init__(
        self, hub: "EventHub", wanted: Wanted, *, after: Position | None
    ) -> None:
        self.wanted = wanted
        self._hub = hub
        self._arrived = threading.Condition(hub.lock)
        self._items = WaitingEvents()
        self._lost = False
        self._closed = False
        # Another process may have shown more of a third one than has come here.
        self._skipped = dict(after.seen) if after else {}
        self._seen = dict(after.seen) if after else dict(hub.seen)

    def get(self, timeout: float) -> tuple[Position, Event] | Reset | None:
        """Return the next event with the position after it; None: none came."""
        give_up = time.monotonic() + timeout
        with self._arrived:
            while not (self._items or self._lost or self._closed):
                if not self._arrived.wait(give_up - time.monotonic()):
                    return None
            if self._lost:
                self._lost = False
                self._items.clear()
                self._settle()
                return Reset(Position(dict(self._seen)))
            if not self._items:
                return None
            process, number, event = self._items.pop()
            self._seen[process] = number
            self._settle()
            return Position(dict(self._seen)), event

    def position(self) -> Position:
        """Return how far it has come, what it does not want included."""
        with self._arrived:
            self._settle()
            return Position(dict(self._seen))

    def close(self) -> None:
        with self._arrived:
            self._closed = True
            self._hub.subscriptions.discard(self)
            self._arrived.notify_all()

    def start_with(self, missed: Iterable[Numbered]) -> None:
        """Put what had been missed before all that has come since."""
        with self._arrived:
            self._items.prepend(list(missed))
            if len(self._items) > BUFFERED:
                self.lose()
            self._arrived.notify_all()

    def lose_place(self) -> None:
        """Tell the subscriber to read everything anew."""
        with self._arrived:
            self.lose()

    # With the hub's lock held

    def offer(self, process: str, number: int, event: Event) -> None:
        if number <= self._skipped.get(process, 0) or not self.wanted(event):
            return
        if len(self._items) >= BUFFERED:
            self.lose()
        elif not self._lost:
            self._items.append((process, number, event))
            self._arrived.notify_all()

    def lose(self) -> None:
        self._items.clear()
        self._skipped.clear()
        self._lost = True
        self._arrived.notify_all()

    def _settle(self) -> None:
        """Go on to where the hub is, once nothing waits here any more."""
        if self._items or self._lost:
            return
        seen = self._hub.seen
        self._skipped = {
            process: number
            for process, number in self._skipped.items()
            if number > seen.get(process, 0)
        }
        self._seen = {**seen, **self._skipped}


class EventHub:
    """Numbers the events of this process and hands everybody's to subscribers.

    ``seen`` is how far each process's events have come here. Our own are kept until
    they are in the store, 10,000 at most; after that others find a gap.
    """

    def __init__(self, *, process: str, now: Callable[[], datetime]) -> None:
        self.lock = threading.Lock()
        self.seen: dict[str, int] = {}
        self.subscriptions: set[Subscription] = set()
        self._process = process
        self._now = now
        self._number = 0
        self._unwritten: deque[Event] = deque()

    def publish(self, event: Event) -> bool:
        """Hand out an event of this process; True: nothing else was unwritten."""
        with self.lock:
            self._number += 1
            self.seen[self._process] = self._number
            if len(self._unwritten) >= BACKLOG:
                self._unwritten.clear()
            self._unwritten.append(event)
            for subscription in self.subscriptions:
                subscription.offer(self._process, self._number, event)
            return len(self._unwritten) == 1

    def unwritten(self, most: int) -> EventBatch | None:
        """Return the first of our events that are not known to be in the store."""
        with self.lock:
            if not self._unwritten:
                return None
            return EventBatch(
                process=self._process,
                first=self._number - len(self._unwritten) + 1,
                events=tuple(islice(self._unwritten, most)),
                written_at=self._now(),
            )

    def written(self, last: int) -> None:
        """Let go of our events up to the number ``last``."""
        with self.lock:
            while self._unwritten and self._number - len(self._unwritten) < last:
                self._unwritten.popleft()

    def start_at(self, heads: Mapping[str, int]) -> None:
        """Take what others have written up to here as seen."""
        with self.lock:
            own = self.seen.get(self._process)
            self.seen = dict(heads)
            self.seen.pop(self._process, None)
            if own is not None:
                self.seen[self._process] = own

    def receive(self, batch: EventBatch) -> None:
        """Hand out another process's events, those that have not come yet."""
        if batch.first > self.seen.get(batch.process, 0) + 1:
            self.skip(batch.process, batch.first - 1)
        for number, event in batch.numbered():
            with self.lock:
                if number <= self.seen.get(batch.process, 0):
                    continue
                self.seen[batch.process] = number
                for subscription in self.subscriptions:
                    subscription.offer(batch.process, number, event)

    def skip(self, process: str, number: int) -> None:
        """Go on after ``number``: what came before it cannot be had any more."""
        with self.lock:
            self.seen[process] = number
            for subscription in self.subscriptions:
                subscription.lose()

    def forget(self, living: Mapping[str, int]) -> None:
        """Strike off the processes of which nothing is left."""
        with self.lock:
            for process in self.seen.keys() - living.keys() - {self._process}:
                del self.seen[process]

    def subscribe(
        self, wanted: Wanted, *, after: Position | None
    ) -> tuple[Subscription, dict[str, int]]:
        """Return a subscription to what comes from here on, and where that is."""
        with self.lock:
            subscription = Subscription(self, wanted, after=after)
            self.subscriptions.add(subscription)
            return subscription, dict(self.seen)
