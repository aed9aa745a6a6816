"""The timeline: every chat's messages in one ordered list."""

import contextlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from app.models.message import Inbound, Message, MessageStatus
from app.repositories.database import REPAIRABLE, AnyDatabase, once_written
from app.repositories.failures import store_errors_translated
from app.repositories.message_rows import message_from, message_row, outbox_place
from app.repositories.windows import Windows

INBOUND_KEYS = ("idempotency_key", "channel_message")


@store_errors_translated
class MessageRepository:
    """Messages by chat and ``seq``; what came in is unique by its sender's ids."""

    def __init__(self, db: AnyDatabase) -> None:
        self._messages = db["messages"]
        self._repairable = self._messages.with_options(write_concern=REPAIRABLE)
        self._windows = Windows()

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
        self._messages.create_index([("deliver", ASCENDING)], sparse=True)

    def get(self, message_id: str) -> Message | None:
        found = self._messages.find_one({"_id": message_id})
        return message_from(found) if found else None

    def find_answer(self, message_id: str) -> Message | None:
        """Return the whole answer to a contact's message, delivered or kept."""
        found = self._messages.find_one({"answer_to": message_id})
        return message_from(found) if found else None

    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]:
        """Return what was stored under these sender's ids, with its fingerprint."""
        return [
            (message_from(row), row["fingerprint"])
            for key, value in _inbound_ids(inbound).items()
            if (row := self._messages.find_one({key: value}))
        ]

    def release_inbound(self, message_id: str) -> None:
        """Forget the sender's ids of a message, which stays on the timeline."""
        self._messages.update_one(
            {"_id": message_id}, {"$unset": dict.fromkeys(INBOUND_KEYS, "")}
        )

    def add_inbound(self, message: Message, inbound: Inbound) -> bool:
        """Append a contact's message; False when its ids are taken.

        One that is answered is acknowledged with its answer, whose write waits for
        the disk; until then ``keep`` does.
        """
        row = message_row(message) | _inbound_ids(inbound)
        row["fingerprint"] = inbound.fingerprint
        pending = message.status is MessageStatus.PENDING
        try:
            (self._repairable if pending else self._messages).insert_one(row)
        except DuplicateKeyError:
            return False
        once_written(lambda: self._windows.append(message))
        return True

    def keep(self, message_id: str) -> None:
        """Return when a message is where a power cut cannot take it away.

        A write that changes nothing waits for those before it, too.
        """
        self._messages.update_one({"_id": message_id}, {"$unset": {"nothing": ""}})

    def add(self, message: Message) -> None:
        self._messages.insert_one(message_row(message))

    def add_entry(self, message: Message) -> None:
        """Copy an entry from its chat; may be called again, after a crash."""
        with contextlib.suppress(DuplicateKeyError):
            self._repairable.insert_one(message_row(message))

    def add_answer(
        self, answer: Message, *, turn_id: str, status: MessageStatus
    ) -> None:
        """Put a settled answer on the timeline and end its question's turn.

        May be called again for the same answer, after a crash.
        """
        # Not by one bulk_write: a driver whose first try found no connection leaves
        # out, in silence, all that is of another kind than the first write.
        row = message_row(answer) | {"answer_to": answer.in_reply_to}
        with contextlib.suppress(DuplicateKeyError):
            self._repairable.insert_one(row)
        self._repairable.update_one(
            {"_id": answer.in_reply_to, "turn": turn_id},
            {"$set": {"status": status.value}, "$unset": {"failure": ""}},
        )
        once_written(lambda: self._windows.answer(answer, status=status))

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

    def resume(self, message_id: str, *, turn_id: str, resumed_from: str) -> bool:
        """Let a pending message wait for another turn; False when it does not."""
        result = self._messages.update_one(
            {
                "_id": message_id,
                "status": MessageStatus.PENDING.value,
                "turn": {"$in": [resumed_from, turn_id]},
            },
            {"$set": {"turn": turn_id}},
        )
        return result.matched_count == 1

    # The outbox

    def waiting_for(self, key_id: str, *, since: datetime, limit: int) -> list[Message]:
        """Return what a key still has to deliver, oldest first."""
        places = {"$gte": outbox_place(key_id, since), "$lt": f"{key_id}0"}
        found = self._messages.find({"deliver": places})
        return [
            message_from(row) for row in found.sort("deliver", ASCENDING).limit(limit)
        ]

    def put_in_outbox(
        self, message_id: str, key_id: str, *, created_at: datetime, seq: int
    ) -> None:
        """Let a key deliver a message that was written for nobody's outbox."""
        place = outbox_place(key_id, created_at, seq)
        self._repairable.update_one({"_id": message_id}, {"$set": {"deliver": place}})

    def outbox_keys(self) -> list[tuple[str, str]]:
        """Return the keys that have something to deliver, each with its assistant."""
        keys: list[tuple[str, str]] = []
        behind = ""
        while True:
            found = self._messages.find({"deliver": {"$gt": behind}})
            row = next(iter(found.sort("deliver", ASCENDING).limit(1)), None)
            if row is None:
                return keys
            key = row["deliver"].partition("/")[0]
            keys.append((key, row["assistant_id"]))
            behind = f"{key}0"  # what follows the slash

    def delivered(self, ids: Collection[str]) -> None:
        """Take messages out of their outbox."""
        self._repairable.update_many(
            {"_id": {"$in": list(ids)}}, {"$unset": {"deliver": ""}}
        )

    def reassign_outbox(self, from_key: str, to_key: str) -> None:
        """Let another key deliver what one still had to."""
        places = {"$gte": f"{from_key}/", "$lt": f"{from_key}0"}
        for row in self._messages.find({"deliver": places}):
            rest = row["deliver"].partition("/")[2]
            self._messages.update_one(
                {"_id": row["_id"], "deliver": row["deliver"]},
                {"$set": {"deliver": f"{to_key}/{rest}"}},
            )

    # Reading

    def latest(
        self, chat_id: str, limit: int, *, upto: int | None = None
    ) -> list[Message]:
        """Return the chat's latest messages, oldest first.

        ``upto`` is the chat's ``last_seq`` where nobody else is at work on its
        timeline: a chat's next turn need not read it again then.
        """
        if upto and (known := self._windows.read(chat_id, limit, upto=upto)):
            return known
        found = (
            self._messages.find({"chat_id": chat_id})
            .sort([("chat_id", DESCENDING), ("seq", DESCENDING)])
            .limit(limit)
        )
        messages = [message_from(row) for row in found][::-1]
        if messages and messages[-1].seq == upto:
            self._windows.keep(chat_id, messages.copy(), size=limit)
        return messages

    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]:
        found = self._messages.find({"_id": {"$in": list(ids)}, "chat_id": chat_id})
        return [message_from(row) for row in found]

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
        rows = [message_from(row) for row in found]
        return rows[::-1] if backwards else rows

    def count(self, chat_id: str) -> int:
        return self._messages.count_documents({"chat_id": chat_id})

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._messages.delete_many({"assistant_id": assistant_id})
        self._windows.clear()


def _inbound_ids(inbound: Inbound) -> dict[str, str]:
    ids = {
        "idempotency_key": inbound.idempotency_key,
        "channel_message": inbound.channel_message,
    }
    return {key: value for key, value in ids.items() if value is not None}
