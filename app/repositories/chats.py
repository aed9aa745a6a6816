"""Chats: their state, their queue of turns, their totals."""

from collections.abc import Collection, Sequence
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
from app.models.page import Page, PageRequest
from app.repositories.chat_rows import (
    channel_key,
    chat_from,
    chosen_query,
    outcome_row,
    queued_row,
    settling,
)
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page
from app.repositories.rows import fields_of
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
        return chat_from(found) if found else None

    def find_by_channel_id(
        self, channel_id: str, *, assistant_ids: Sequence[str] | None
    ) -> list[Chat]:
        found = self._chats.find({"channel.id": channel_id, **among(assistant_ids)})
        return [chat_from(row) for row in found.limit(20)]

    def list_page(
        self,
        request: PageRequest,
        chosen: ChatFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Chat]:
        query = {**among(assistant_ids), **chosen_query(chosen)}
        return find_page(self._chats, query, request, by="updated_at", build=chat_from)

    def find_by_ids(self, ids: Collection[str]) -> list[Chat]:
        found = self._chats.find({"_id": {"$in": list(ids)}})
        return [chat_from(row) for row in found]

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

        The message's ``seq`` is the returned chat's ``last_seq``. A clock that goes
        back leaves ``updated_at`` alone, as the order of the outbox rests on it.
        """
        changes: dict[str, Any] = {
            "message": text,
            "response": None,
            "key_id": turn.key_id,
        }
        defaults: dict[str, Any] = {
            "_id": new_id(),
            "channel": fields_of(channel),
            "status": new_status.value,
            "tokens": {"in": 0, "out": 0},
            "created_at": now,
        }
        if username is None:
            defaults |= {"username": None, "username_key": None}
        else:
            changes |= {"username": username, "username_key": username.casefold()}
        row = self._repairable.find_one_and_update(
            {"assistant_id": assistant_id, "channel_key": channel_key(channel)},
            {
                "$inc": {"last_seq": 1, "unread": 1},
                "$push": {"queue": queued_row(turn)},
                "$set": changes,
                "$max": {"updated_at": now},
                "$setOnInsert": defaults,
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(cast("dict[str, Any]", row))

    def requeue(self, chat_id: str, turn: QueuedTurn) -> Chat | None:
        """Queue a message's turn once more; None when the chat is gone."""
        row = self._repairable.find_one_and_update(
            {"_id": chat_id},
            {"$push": {"queue": queued_row(turn)}},
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(row) if row else None

    def settle(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> bool:
        """Decide a turn: the one write that delivers its answer, or keeps it.

        It happens only if the turn still is at the head of the queue, not revoked,
        nothing came onto the timeline since ``chat`` was read, its status is the same,
        and the assistant's if it is delivered. False otherwise: read the chat again.
        """
        query, changes = settling(chat, turn_id, outcome, question)
        changes["$set"]["queue.0.outcome"] = outcome_row(outcome)
        return self._chats.update_one(query, changes).matched_count == 1

    def settle_and_dequeue(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> Chat | None:
        """Decide a turn, as ``settle`` does, and take it out of the queue.

        For a transaction that writes the answer down too. The chat after it; None
        where nothing happens.
        """
        query, changes = settling(chat, turn_id, outcome, question)
        row = self._chats.find_one_and_update(
            query,
            {**changes, "$pull": {"queue": {"id": turn_id}}},
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(row) if row else None

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
        return chat_from(row) if row else None

    def withdraw(self, chat_id: str, turn_id: str) -> Chat | None:
        """Take a turn out whose message is no new one; the chat after it."""
        row = self._repairable.find_one_and_update(
            {"_id": chat_id, "queue.id": turn_id},
            {"$pull": {"queue": {"id": turn_id}}, "$inc": {"unread": -1}},
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(row) if row else self.get(chat_id)

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
        return [chat_from(row) for row in found]

    def resume(self, chat_id: str, old: QueuedTurn, new: QueuedTurn) -> Chat | None:
        """Put ``new`` in the place of a turn whose process is gone.

        None when that turn has an outcome, was ended, or resumed by somebody else.
        """
        chat = self.get(chat_id)
        places = [i for i, turn in enumerate(chat.queue if chat else ()) if turn == old]
        if not places or old.outcome:
            return None
        place = f"queue.{places[0]}"
        row = self._repairable.find_one_and_update(
            {
                "_id": chat_id,
                f"{place}.id": old.id,
                f"{place}.outcome": {"$exists": False},
                f"{place}.revoked": {"$exists": False},
            },
            {"$set": {place: queued_row(new)}},
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(row) if row else None

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._chats.delete_many({"assistant_id": assistant_id})
