"""The timeline: every chat's messages in one ordered list."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING, DESCENDING, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from app.models.message import (
    Author,
    Citation,
    Inbound,
    Message,
    MessageStatus,
    Tokens,
)
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated

DUPLICATE_KEY = 11000  # MongoDB's error code
INBOUND_KEYS = ("idempotency_key", "channel_message")


@store_errors_translated
class MessageRepository:
    """Messages by chat and ``seq``; what came in is unique by its sender's ids."""

    def __init__(self, db: AnyDatabase) -> None:
        self._messages = db["messages"]
        self._repairable = self._messages.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._messages.create_index(
            [("chat_id", ASCENDING), ("seq", ASCENDING)], unique=True
        )
        for key in INBOUND_KEYS:
            self._messages.create_index([(key, ASCENDING)], unique=True, sparse=True)
        self._messages.create_index(
            [("answer_to", ASCENDING)], unique=True, sparse=True
        )
        self._messages.create_index([("assistant_id", ASCENDING)])

    def get(self, message_id: str) -> Message | None:
        found = self._messages.find_one({"_id": message_id})
        return _from_mongo(found) if found else None

    def find_answer(self, message_id: str) -> Message | None:
        """Return the whole answer to a contact's message, delivered or kept."""
        found = self._messages.find_one({"answer_to": message_id})
        return _from_mongo(found) if found else None

    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]:
        """Return what was stored under these sender's ids, with its fingerprint."""
        return [
            (_from_mongo(row), row["fingerprint"])
            for key, value in _inbound_ids(inbound).items()
            if (row := self._messages.find_one({key: value}))
        ]

    def release_inbound(self, message_id: str) -> None:
        """Forget the sender's ids of a message, which stays on the timeline."""
        self._messages.update_one(
            {"_id": message_id}, {"$unset": dict.fromkeys(INBOUND_KEYS, "")}
        )

    def add_inbound(self, message: Message, inbound: Inbound) -> bool:
        """Append a contact's message durably; False when its ids are taken."""
        row = _to_mongo(message) | _inbound_ids(inbound)
        row["fingerprint"] = inbound.fingerprint
        try:
            self._messages.insert_one(row)
        except DuplicateKeyError:
            return False
        return True

    def add(self, message: Message) -> None:
        self._messages.insert_one(_to_mongo(message))

    def add_answer(
        self, answer: Message, *, turn_id: str, status: MessageStatus
    ) -> None:
        """Put a settled answer on the timeline and end its question's turn.

        May be called again for the same answer, after a crash.
        """
        steps: list[InsertOne[dict[str, Any]] | UpdateOne] = [
            InsertOne(_to_mongo(answer) | {"answer_to": answer.in_reply_to}),
            UpdateOne(
                {"_id": answer.in_reply_to, "turn": turn_id},
                {"$set": {"status": status.value}, "$unset": {"failure": ""}},
            ),
        ]
        try:
            self._repairable.bulk_write(steps, ordered=False)
        except BulkWriteError as exc:
            errors = exc.details["writeErrors"]
            if any(error["code"] != DUPLICATE_KEY for error in errors):
                raise

    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool:
        """Give a pending message its end; False when that turn is not its own."""
        result = self._messages.update_one(
            {
                "_id": message_id,
                "turn": turn_id,
                "status": MessageStatus.PENDING.value,
            },
            {"$set": {"status": status.value, "failure": failure}},
        )
        return result.matched_count == 1

    def reopen(self, message_id: str, *, turn_id: str) -> bool:
        """Make a failed message pending for a new turn; False when it is not so."""
        result = self._messages.update_one(
            {"_id": message_id, "status": MessageStatus.FAILED.value},
            {
                "$set": {"status": MessageStatus.PENDING.value, "turn": turn_id},
                "$unset": {"failure": ""},
            },
        )
        return result.matched_count == 1

    def latest(self, chat_id: str, limit: int) -> list[Message]:
        """Return the chat's latest messages, oldest first."""
        found = (
            self._messages.find({"chat_id": chat_id})
            .sort([("chat_id", DESCENDING), ("seq", DESCENDING)])
            .limit(limit)
        )
        return [_from_mongo(row) for row in found][::-1]

    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]:
        found = self._messages.find({"_id": {"$in": list(ids)}, "chat_id": chat_id})
        return [_from_mongo(row) for row in found]

    def list_between(
        self, chat_id: str, *, after: int | None, before: int | None, limit: int
    ) -> list[Message]:
        """Return messages oldest first: after a ``seq``, or the last before one."""
        bounds: dict[str, int] = {}
        if after is not None:
            bounds["$gt"] = after
        if before is not None:
            bounds["$lt"] = before
        query: dict[str, Any] = {"chat_id": chat_id}
        if bounds:
            query["seq"] = bounds
        backwards = before is not None and after is None
        direction = DESCENDING if backwards else ASCENDING
        found = (
            self._messages.find(query)
            .sort([("chat_id", direction), ("seq", direction)])
            .limit(limit)
        )
        rows = [_from_mongo(row) for row in found]
        return rows[::-1] if backwards else rows

    def count(self, chat_id: str) -> int:
        return self._messages.count_documents({"chat_id": chat_id})

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._messages.delete_many({"assistant_id": assistant_id})


def _inbound_ids(inbound: Inbound) -> dict[str, str]:
    ids = {
        "idempotency_key": inbound.idempotency_key,
        "channel_message": inbound.channel_message,
    }
    return {key: value for key, value in ids.items() if value is not None}


def _to_mongo(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {
        "_id": message.id,
        "chat_id": message.chat_id,
        "assistant_id": message.assistant_id,
        "seq": message.seq,
        "author": message.author.value,
        "text": message.text,
        "status": message.status.value,
        "created_at": message.created_at,
    }
    if message.tokens:
        row["tokens"] = {
            "in": message.tokens.tokens_in,
            "out": message.tokens.tokens_out,
        }
    if message.citations:
        row["citations"] = [asdict(citation) for citation in message.citations]
    if message.metadata:
        row["metadata"] = list(message.metadata.items())
    for name in ("model", "in_reply_to", "turn", "failure"):
        if (value := getattr(message, name)) is not None:
            row[name] = value
    return row


def _from_mongo(found: dict[str, Any]) -> Message:
    tokens = found.get("tokens")
    return Message(
        id=found["_id"],
        chat_id=found["chat_id"],
        assistant_id=found["assistant_id"],
        seq=found["seq"],
        author=Author(found["author"]),
        text=found["text"],
        status=MessageStatus(found["status"]),
        created_at=found["created_at"],
        tokens=tokens and Tokens(tokens_in=tokens["in"], tokens_out=tokens["out"]),
        model=found.get("model"),
        citations=tuple(Citation(**row) for row in found.get("citations", ())),
        metadata=dict(found.get("metadata", ())),
        in_reply_to=found.get("in_reply_to"),
        turn=found.get("turn"),
        failure=found.get("failure"),
    )
