"""Chats: their state, their queue of turns, their totals."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from app.models.chat import (
    Channel,
    Chat,
    ChatFilter,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
)
from app.models.ids import new_id
from app.models.message import Citation, Tokens
from app.models.page import Page, PageRequest
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page
from app.repositories.scopes import among


@store_errors_translated
class ChatRepository:
    """One document a chat; every step of a turn is one atomic update of it.

    ``assistant_ids`` in a query limits it to what the caller may see; None means
    everything.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._chats = db["chats"]
        self._repairable = self._chats.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._chats.create_index(
            [("assistant_id", ASCENDING), ("channel_key", ASCENDING)], unique=True
        )
        self._chats.create_index(
            [
                ("assistant_id", ASCENDING),
                ("updated_at", DESCENDING),
                ("_id", DESCENDING),
            ]
        )
        self._chats.create_index([("updated_at", DESCENDING), ("_id", DESCENDING)])
        self._chats.create_index([("channel.id", ASCENDING)])
        self._chats.create_index([("queue.process", ASCENDING)], sparse=True)

    # Reading

    def get(
        self, chat_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Chat | None:
        found = self._chats.find_one({"_id": chat_id, **among(assistant_ids)})
        return _from_mongo(found) if found else None

    def find_by_channel_id(
        self, channel_id: str, *, assistant_ids: Sequence[str] | None
    ) -> list[Chat]:
        found = self._chats.find({"channel.id": channel_id, **among(assistant_ids)})
        return [_from_mongo(row) for row in found.limit(20)]

    def list_page(
        self,
        request: PageRequest,
        chosen: ChatFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Chat]:
        query = {**among(assistant_ids), **_chosen(chosen)}
        return find_page(
            self._chats, query, request, by="updated_at", build=_from_mongo
        )

    # The turn

    def enqueue(
        self,
        *,
        assistant_id: str,
        channel: Channel,
        username: str | None,
        text: str,
        turn: QueuedTurn,
        new_status: ChatStatus,
        now: datetime,
    ) -> Chat:
        """Queue a contact's message; the chat is made when it is new.

        The message's ``seq`` is the returned chat's ``last_seq``.
        """
        changes: dict[str, Any] = {
            "message": text,
            "response": None,
            "updated_at": now,
        }
        defaults: dict[str, Any] = {
            "_id": new_id(),
            "channel": asdict(channel),
            "status": new_status.value,
            "tokens": {"in": 0, "out": 0},
            "created_at": now,
        }
        if username is None:
            defaults |= {"username": None, "username_key": None}
        else:
            changes |= {"username": username, "username_key": username.casefold()}
        row = self._repairable.find_one_and_update(
            {"assistant_id": assistant_id, "channel_key": _channel_key(channel)},
            {
                "$inc": {"last_seq": 1},
                "$push": {"queue": _queued(turn)},
                "$set": changes,
                "$setOnInsert": defaults,
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _from_mongo(cast("dict[str, Any]", row))

    def requeue(self, chat_id: str, turn: QueuedTurn) -> Chat | None:
        """Queue a message's turn once more; None when the chat is gone."""
        row = self._repairable.find_one_and_update(
            {"_id": chat_id},
            {"$push": {"queue": _queued(turn)}},
            return_document=ReturnDocument.AFTER,
        )
        return _from_mongo(row) if row else None

    def settle(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> bool:
        """Decide a turn: the one write that delivers its answer, or keeps it.

        It happens only if the turn still is at the head of the queue, not revoked,
        nothing came onto the timeline since ``chat`` was read, and the chat's status is
        what ``outcome.suppressed`` says. False otherwise: read the chat again.
        """
        active = ChatStatus.BOT.value
        row = _outcome(outcome)
        latest = (
            {}
            if outcome.suppressed
            else {
                "message": question,
                "response": outcome.text,
            }
        )
        result = self._chats.update_one(
            {
                "_id": chat.id,
                "queue.0.id": turn_id,
                "queue.0.revoked": {"$exists": False},
                "last_seq": outcome.seq - 1,
                "status": {"$ne": active} if outcome.suppressed else active,
            },
            {
                "$set": {
                    "queue.0.outcome": row,
                    "updated_at": outcome.created_at,
                    **latest,
                },
                "$inc": {
                    "last_seq": 1,
                    "tokens.in": outcome.tokens.tokens_in,
                    "tokens.out": outcome.tokens.tokens_out,
                },
            },
        )
        return result.matched_count == 1

    def reserve_seq(self, chat_id: str) -> int | None:
        """Return the next place on the timeline; None when the chat is gone."""
        row = self._repairable.find_one_and_update(
            {"_id": chat_id},
            {"$inc": {"last_seq": 1}},
            projection={"last_seq": 1},
            return_document=ReturnDocument.AFTER,
        )
        return int(row["last_seq"]) if row else None

    def dequeue(self, chat_id: str, turn_id: str) -> Chat | None:
        """Take a turn out of the queue; the chat after it, None when it is gone."""
        row = self._repairable.find_one_and_update(
            {"_id": chat_id},
            {"$pull": {"queue": {"id": turn_id}}},
            return_document=ReturnDocument.AFTER,
        )
        return _from_mongo(row) if row else None

    def revoke(self, chat_id: str, turn_id: str) -> Chat | None:
        """Keep a turn that is not settled from being so; the chat after it.

        None when the chat is gone.
        """
        while chat := self.get(chat_id):
            places = [i for i, turn in enumerate(chat.queue) if turn.id == turn_id]
            if not places or chat.queue[places[0]].outcome:
                break
            place = f"queue.{places[0]}"
            result = self._repairable.update_one(
                {
                    "_id": chat_id,
                    f"{place}.id": turn_id,
                    f"{place}.outcome": {"$exists": False},
                },
                {"$set": {f"{place}.revoked": True}},
            )
            if result.matched_count:
                return self.get(chat_id)
        return chat

    def find_by_process(self, process: str) -> list[Chat]:
        """Return the chats with a turn of this server process in their queue."""
        found = self._chats.find({"queue.process": process})
        return [_from_mongo(row) for row in found]

    # A person's hand

    def set_status(
        self, chat_id: str, status: ChatStatus, *, now: datetime
    ) -> Chat | None:
        row = self._chats.find_one_and_update(
            {"_id": chat_id},
            {"$set": {"status": status.value, "updated_at": now}},
            return_document=ReturnDocument.AFTER,
        )
        return _from_mongo(row) if row else None

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._chats.delete_many({"assistant_id": assistant_id})


def _chosen(chosen: ChatFilter) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if chosen.message_service is not None:
        query["channel.message_service"] = chosen.message_service
    if chosen.status is not None:
        query["status"] = chosen.status.value
    elif chosen.active is not None:
        active = ChatStatus.BOT.value
        query["status"] = active if chosen.active else {"$ne": active}
    if chosen.start:
        query["$or"] = [
            {"username_key": {"$regex": f"^{re.escape(chosen.start.casefold())}"}},
            {"channel.id": {"$regex": f"^{re.escape(chosen.start)}"}},
        ]
    return query


def _channel_key(channel: Channel) -> str:
    """Return what is unique of a channel: no two pairs of names give the same."""
    service = channel.message_service
    return f"{len(service)}:{service}:{channel.id}"


def _queued(turn: QueuedTurn) -> dict[str, Any]:
    return {"id": turn.id, "message_id": turn.message_id, "process": turn.process}


def _outcome(outcome: TurnOutcome) -> dict[str, Any]:
    row = asdict(outcome)
    row["citations"] = [asdict(citation) for citation in outcome.citations]
    return row


def _from_mongo(found: dict[str, Any]) -> Chat:
    return Chat(
        id=found["_id"],
        assistant_id=found["assistant_id"],
        channel=Channel(**found["channel"]),
        username=found["username"],
        status=ChatStatus(found["status"]),
        tokens=Tokens(
            tokens_in=found["tokens"]["in"], tokens_out=found["tokens"]["out"]
        ),
        message=found["message"],
        response=found["response"],
        last_seq=found["last_seq"],
        queue=tuple(_turn(row) for row in found["queue"]),
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )


def _turn(row: dict[str, Any]) -> QueuedTurn:
    outcome = row.get("outcome")
    return QueuedTurn(
        id=row["id"],
        message_id=row["message_id"],
        process=row["process"],
        revoked=row.get("revoked", False),
        outcome=outcome
        and TurnOutcome(
            **{
                **outcome,
                "tokens": Tokens(**outcome["tokens"]),
                "citations": tuple(Citation(**c) for c in outcome["citations"]),
            }
        ),
    )
