"""Live events between the processes on one store."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.errors import AppError, Busy
from app.models.event import Event, EventBatch, Position
from app.services.event_hub import EventHub, Subscription, Wanted
from app.services.waiting_events import Numbered

log = logging.getLogger(__name__)

WRITE_EVERY = 0.1
READ_EVERY = 0.3
RETRY_AFTER = 1.0
IDLE_READS = 20
EVENTS_AT_ONCE = 500
BATCHES_AT_ONCE = 20
LONGEST_CATCH_UP = 20_000  # events


class Events(Protocol):
    def add(self, batch: EventBatch) -> None: ...
    def heads(self) -> dict[str, int]: ...
    def save_head(self, process: str, number: int, *, now: datetime) -> None: ...
    def list_after(
        self, process: str, number: int, *, limit: int
    ) -> list[EventBatch]: ...
    def remove_expired(self, now: datetime) -> None: ...


class EventLog:
    """Publishes what happens, to subscribers here and elsewhere.

    Subscribers of this process are told at once. A thread writes what has gathered
    ten times a second; another reads what other processes have written, three times
    a second, while there is a subscriber. Each process numbers its own events, so no
    clock takes part. One that is killed takes its last 0.1 s along.
    """

    def __init__(
        self,
        *,
        process: str,
        events: Events,
        now: Callable[[], datetime],
        write_every: float = WRITE_EVERY,
        read_every: float = READ_EVERY,
    ) -> None:
        self._process = process
        self._events = events
        self._now = now
        self._write_every = write_every
        self._read_every = read_every
        self._hub = EventHub(process=process, now=now)
        self._starting = threading.Lock()  # the reader; may wait for the store
        self._starting_writer = threading.Lock()
        self._unwritten = threading.Event()
        self._closed = threading.Event()
        self._writer: threading.Thread | None = None
        self._reader: threading.Thread | None = None
        self._written = 0
        self._failing = False

    def publish(self, event: Event) -> None:
        """Tell of an event; takes microseconds and never fails."""
        if self._hub.publish(event):
            self._unwritten.set()
        if self._writer is None:
            self._start_writer()

    def subscribe(
        self, wanted: Wanted, *, after: Position | None = None
    ) -> Subscription:
        """Return the events to come for which ``wanted`` holds; close it at the end.

        ``wanted`` is called in the publisher's thread: it has to be quick. With
        ``after`` it starts with what has come since that position, or with a Reset
        when that cannot be told any more. Raises StoreUnavailable, Busy.
        """
        with self._starting:
            if self._reader is None:
                self._hub.start_at(self._events.heads())
                try:
                    self._reader = self._start(self._read_on, "events-reader")
                except RuntimeError as exc:  # the system gives no further thread
                    raise Busy from exc
            subscription, start = self._hub.subscribe(wanted, after=after)
        if after is not None:
            self._catch_up(subscription, after, start)
        return subscription

    def tend(self) -> None:
        """Keep our place in the store known and remove old events.

        Raises StoreUnavailable.
        """
        now = self._now()
        if self._written:
            self._events.save_head(self._process, self._written, now=now)
        self._events.remove_expired(now)

    def close(self) -> None:
        """Write what is left and end the threads."""
        with self._starting, self._starting_writer:
            self._closed.set()
            self._unwritten.set()
            threads = [self._writer, self._reader]
        for thread in threads:
            if thread is not None:
                thread.join()
        self._write()

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    # Writing

    def _start_writer(self) -> None:
        with self._starting_writer:
            if self._writer is None and not self._closed.is_set():
                try:
                    self._writer = self._start(self._write_on, "events-writer")
                except RuntimeError:  # the next event asks for the thread again
                    log.warning("no thread to write events")

    def _write_on(self) -> None:
        while not self._closed.is_set():
            self._unwritten.wait()
            self._unwritten.clear()
            self._closed.wait(self._write_every)
            while not (self._write() or self._closed.wait(RETRY_AFTER)):
                pass

    def _write(self) -> bool:
        """Write all that has gathered; False when the store does not take it."""
        while batch := self._hub.unwritten(EVENTS_AT_ONCE):
            try:
                self._events.add(batch)
            except AppError as exc:
                if not self._failing:
                    log.warning("events wait for the store", extra={"code": exc.code})
                self._failing = True
                return False
            except Exception:
                log.exception("events cannot be written")
                return False
            self._hub.written(batch.last)
            self._written = batch.last
            self._failing = False
        return True

    # Reading

    def _read_on(self) -> None:
        idle = 0
        while not self._closed.wait(self._read_every):
            idle = 0 if self._hub.subscriptions else idle + 1
            if idle >= IDLE_READS:
                with self._starting:
                    if not self._hub.subscriptions:
                        self._reader = None
                        return
            try:
                self._read()
            except AppError as exc:
                log.info("events not read", extra={"code": exc.code})
                self._closed.wait(RETRY_AFTER)
            except Exception:
                log.exception("events cannot be read")
                self._closed.wait(RETRY_AFTER)

    def _read(self) -> None:
        heads = self._events.heads()
        self._hub.forget(heads)
        for process, head in heads.items():
            if process == self._process:
                continue
            while self._hub.seen.get(process, 0) < head:
                seen = self._hub.seen.get(process, 0)
                batches = self._events.list_after(process, seen, limit=BATCHES_AT_ONCE)
                for batch in batches:
                    self._hub.receive(batch)
                if not batches:
                    self._hub.skip(process, head)

    # Catching up

    def _catch_up(
        self, subscription: Subscription, after: Position, start: Mapping[str, int]
    ) -> None:
        try:
            missed = self._missed(subscription.wanted, after.seen, start)
        except BaseException:
            subscription.close()
            raise
        if missed is None:
            subscription.lose_place()
        else:
            subscription.start_with(missed)

    def _missed(
        self, wanted: Wanted, after: Mapping[str, int], start: Mapping[str, int]
    ) -> list[Numbered] | None:
        """Return what came between two positions; None when it is not all there."""
        own = start.get(self._process, 0)
        known = {**self._events.heads(), self._process: own}
        length = sum(max(0, n - after.get(name, 0)) for name, n in start.items())
        if (
            not after.keys() <= known.keys()
            or after.get(self._process, 0) > own
            or length > LONGEST_CATCH_UP
        ):
            return None
        missed: list[Numbered] = []
        for process, until in start.items():
            expected = after.get(process, 0) + 1
            for batch in self._batches(process, expected - 1):
                if batch.first > expected or expected > until:
                    break
                missed += [
                    (process, number, event)
                    for number, event in batch.numbered()
                    if expected <= number <= until and wanted(event)
                ]
                expected = max(expected, batch.last + 1)
            if expected <= until:
                return None
        return missed

    def _batches(self, process: str, number: int) -> Iterator[EventBatch]:
        """Return a process's events after a number, unwritten ones of ours too."""
        own = self._hub.unwritten(LONGEST_CATCH_UP)
        while batches := self._events.list_after(
            process, number, limit=BATCHES_AT_ONCE
        ):
            yield from batches
            number = batches[-1].last
        if own is not None and process == self._process:
            # Copies: what others were told of them, earlier, is not read again.
            yield replace(own, events=tuple(replace(event) for event in own.events))
