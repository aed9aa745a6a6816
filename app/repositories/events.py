from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING

from app.models.event import ChatEvent, DocumentsEvent, Event, EventBatch
from app.models.ids import new_id
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated

KEPT = timedelta(hours=1)


@store_errors_translated
class EventRepository:
    """The latest live events, in batches, and how far each process has written."""

    def __init__(self, db: AnyDatabase) -> None:
        self._events = db["events"].with_options(write_concern=REPAIRABLE)
        self._heads = db["event_heads"].with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._events.create_index([("process", ASCENDING), ("last", ASCENDING)])
        for collection in (self._events, self._heads):
            collection.create_index(
                [("at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds())
            )

    def add(self, batch: EventBatch) -> None:
        """Add a process's next events; after a failure they may come again."""
        self._events.insert_one(
            {
                "_id": new_id(),
                "process": batch.process,
                "first": batch.first,
                "last": batch.last,
                "events": [_row(event) for event in batch.events],
                "at": batch.written_at,
            }
        )
        self.save_head(batch.process, batch.last, now=batch.written_at)

    def save_head(self, process: str, number: int, *, now: datetime) -> None:
        self._heads.update_one(
            {"_id": process},
            {"$max": {"number": number}, "$set": {"at": now}},
            upsert=True,
        )

    def heads(self) -> dict[str, int]:
        """Return the number of each process's last event in the store."""
        return {row["_id"]: row["number"] for row in self._heads.find({})}

    def list_after(self, process: str, number: int, *, limit: int) -> list[EventBatch]:
        """Return a process's batches that reach beyond ``number``, in order."""
        found = (
            self._events.find({"process": process, "last": {"$gt": number}})
            .sort([("process", ASCENDING), ("last", ASCENDING)])
            .limit(limit)
        )
        return [
            EventBatch(
                process=row["process"],
                first=row["first"],
                events=tuple(_event(part) for part in row["events"]),
                written_at=row["at"],
            )
            for row in found
        ]

    def remove_expired(self, now: datetime) -> None:
        """Do what the indexes do, where the server does not."""
        for collection in (self._events, self._heads):
            collection.delete_many({"at": {"$lt": now - KEPT}})


def _row(event: Event) -> dict[str, Any]:
    if isinstance(event, ChatEvent):
        return {
            "assistant_id": event.assistant_id,
            "chat_id": event.chat_id,
            "message_ids": list(event.message_ids),
        }
    return {
        "assistant_id": event.assistant_id,
        "document_ids": list(event.document_ids),
    }


def _event(row: dict[str, Any]) -> Event:
    if "document_ids" in row:
        return DocumentsEvent(
            assistant_id=row["assistant_id"], document_ids=tuple(row["document_ids"])
        )
    return ChatEvent(
        assistant_id=row["assistant_id"],
        chat_id=row["chat_id"],
        message_ids=tuple(row["message_ids"]),
    )
