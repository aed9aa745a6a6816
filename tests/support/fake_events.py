"""Live events and tickets in memory; they run the repositories' contract tests."""

import threading
from datetime import datetime, timedelta

from app.models.event import EventBatch
from app.models.ticket import Ticket

KEPT = timedelta(hours=1)


class FakeEvents:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: dict[str, tuple[int, datetime]] = {}
        self.batches: list[EventBatch] = []

    def add(self, batch: EventBatch) -> None:
        with self._lock:
            self.batches.append(batch)
        self.save_head(batch.process, batch.last, now=batch.written_at)

    def save_head(self, process: str, number: int, *, now: datetime) -> None:
        with self._lock:
            present, _ = self._heads.get(process, (0, now))
            self._heads[process] = (max(present, number), now)

    def heads(self) -> dict[str, int]:
        with self._lock:
            return {process: number for process, (number, _) in self._heads.items()}

    def list_after(self, process: str, number: int, *, limit: int) -> list[EventBatch]:
        with self._lock:
            found = [b for b in self.batches if b.process == process]
        found = sorted(found, key=lambda batch: batch.last)
        return [batch for batch in found if batch.last > number][:limit]

    def remove_expired(self, now: datetime) -> None:
        with self._lock:
            self.batches = [b for b in self.batches if b.written_at >= now - KEPT]
            self._heads = {
                process: (number, at)
                for process, (number, at) in self._heads.items()
                if at >= now - KEPT
            }


class FakeTickets:
    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def add(self, ticket: Ticket) -> None:
        self._tickets[ticket.digest] = ticket

    def take(self, digest: str) -> Ticket | None:
        return self._tickets.pop(digest, None)
