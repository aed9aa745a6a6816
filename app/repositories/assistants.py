from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from app.models.assistant import (
    Assistant,
    AssistantRole,
    History,
    Member,
    Retrieval,
    Takeover,
)
from app.models.page import Page, PageRequest
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page
from app.repositories.recent import Recent

LIVING = {"deleted_at": None}
RETURN_AFTER = "takeover.return_after_minutes"


@store_errors_translated
class AssistantRepository:
    """Assistants; one marked deleted is gone for everybody but the clean-up.

    ``user_id`` in a query limits it to what that user owns or is a member of; None:
    an admin asks, or the turn.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._assistants = db["assistants"]
        self._recent: Recent[Assistant] = Recent()

    def ensure_indexes(self) -> None:
        self._assistants.create_index(
            [("owner_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]
        )
        self._assistants.create_index([("created_at", DESCENDING), ("_id", DESCENDING)])
        for mark in ("members.user_id", "deleted_at", "prompt_pending", RETURN_AFTER):
            self._assistants.create_index([(mark, ASCENDING)], sparse=True)

    def add(self, assistant: Assistant) -> None:
        """Add it, with its prompt's file and record still to be written."""
        row = asdict(assistant) | {"members": _members_to_mongo(assistant.members)}
        row["_id"] = row.pop("id")
        if assistant.instructions:
            row["prompt_pending"] = "prompt.txt"
        self._assistants.insert_one(row)

    def get(self, assistant_id: str, *, user_id: str | None = None) -> Assistant | None:
        query: dict[str, Any] = {"_id": assistant_id, **LIVING}
        if user_id is not None:
            query["$or"] = [{"owner_id": user_id}, {"members.user_id": user_id}]
        found = self._assistants.find_one(query)
        return _from_mongo(found) if found else None

    def get_recent(self, assistant_id: str) -> Assistant | None:
        """Return an assistant as it was at most half a second ago.

        One with documents is always read: what was removed from them is not found
        any more.
        """
        if known := self._recent.get(assistant_id):
            return known
        mark = self._recent.mark()
        found = self.get(assistant_id)
        if found and not found.knowledge_version:
            self._recent.put(assistant_id, found, mark)
        return found

    def list_page(
        self, request: PageRequest, *, assistant_ids: Sequence[str] | None
    ) -> Page[Assistant]:
        query: dict[str, Any] = {**LIVING}
        if assistant_ids is not None:
            query["_id"] = {"$in": list(assistant_ids)}
        return find_page(
            self._assistants, query, request, by="created_at", build=_from_mongo
        )

    def ids_for_owner(self, owner_id: str) -> list[str]:
        return self._ids({"owner_id": owner_id})

    def ids_for_member(self, user_id: str) -> list[str]:
        return self._ids({"members.user_id": user_id})

    def return_minutes(self) -> dict[str, int]:
        """Return the minutes of the return timer, by the assistants that have one."""
        query = {RETURN_AFTER: {"$gte": 1}, **LIVING}
        found = self._assistants.find(query, {RETURN_AFTER: 1})
        return {row["_id"]: row["takeover"]["return_after_minutes"] for row in found}

    def update(
        self, assistant_id: str, changes: Mapping[str, Any], *, now: datetime
    ) -> Assistant | None:
        """Set the given fields; None when the assistant is gone.

        A name with a dot sets a part of a field.
        """
        fields = {**changes, "updated_at": now}
        if "members" in fields:
            fields["members"] = _members_to_mongo(fields["members"])
        row = self._assistants.find_one_and_update(
            {"_id": assistant_id, **LIVING},
            {"$set": fields},
            return_document=ReturnDocument.AFTER,
        )
        self._recent.clear()
        return _from_mongo(row) if row else None

    def set_instructions(
        self, assistant_id: str, text: str, *, filename: str, now: datetime
    ) -> Assistant | None:
        """Set the prompt, and mark its file and record as still to be written."""
        return self.update(
            assistant_id, {"instructions": text, "prompt_pending": filename}, now=now
        )

    def prompt_written(self, assistant_id: str, *, filename: str, text: str) -> None:
        """Take the mark off, unless the prompt has changed again since."""
        self._assistants.update_one(
            {"_id": assistant_id, "prompt_pending": filename, "instructions": text},
            {"$unset": {"prompt_pending": ""}},
        )

    def with_prompt_pending(self) -> list[tuple[Assistant, str]]:
        query = {"prompt_pending": {"$exists": True}, **LIVING}
        found = self._assistants.find(query)
        return [(_from_mongo(row), row["prompt_pending"]) for row in found]

    def knowledge_changed(self, assistant_id: str) -> None:
        self._assistants.update_one(
            {"_id": assistant_id}, {"$inc": {"knowledge_version": 1}}
        )
        self._recent.clear()

    def knowledge_versions(self, assistant_ids: Collection[str]) -> dict[str, int]:
        """Return those of the assistants that there are."""
        found = self._assistants.find(
            {"_id": {"$in": sorted(assistant_ids)}, **LIVING}, {"knowledge_version": 1}
        )
        return {row["_id"]: row["knowledge_version"] for row in found}

    def mark_deleted(self, assistant_id: str, *, now: datetime) -> bool:
        """Leave only the mark; False when it was gone already."""
        result = self._assistants.replace_one(
            {"_id": assistant_id, **LIVING}, {"deleted_at": now}
        )
        self._recent.clear()
        return result.modified_count == 1

    def marked_deleted(self) -> list[tuple[str, datetime]]:
        """Return the id of each deleted assistant, and since when it is."""
        found = self._assistants.find({"deleted_at": {"$exists": True}})
        return [(row["_id"], row["deleted_at"]) for row in found]

    def remove(self, assistant_id: str) -> None:
        self._assistants.delete_one({"_id": assistant_id})

    def _ids(self, query: dict[str, Any]) -> list[str]:
        found = self._assistants.find({**query, **LIVING}, {"_id": 1})
        return [row["_id"] for row in found]


def _members_to_mongo(members: Sequence[Member]) -> list[dict[str, str]]:
    return [{"user_id": one.user_id, "role": one.role.name} for one in members]


def _from_mongo(found: dict[str, Any]) -> Assistant:
    return Assistant(
        id=found["_id"],
        name=found["name"],
        owner_id=found["owner_id"],
        company=found["company"],
        instructions=found["instructions"],
        model=found["model"],
        temperature=found["temperature"],
        max_tokens=found["max_tokens"],
        retrieval=Retrieval(**found["retrieval"]),
        history=History(**found["history"]),
        members=tuple(
            Member(user_id=one["user_id"], role=AssistantRole[one["role"]])
            for one in found["members"]
        ),
        takeover=_takeover_from_mongo(found["takeover"]),
        knowledge_version=found["knowledge_version"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )


def _takeover_from_mongo(found: dict[str, Any]) -> Takeover:
    return Takeover(
        return_after_minutes=found["return_after_minutes"],
        contact_keywords=tuple(found["contact_keywords"]),
        release_keywords=tuple(found["release_keywords"]),
    )
