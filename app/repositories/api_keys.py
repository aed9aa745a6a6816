from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING, DESCENDING

from app.models.api_key import ApiKey, KeyScope
from app.models.page import Page, PageRequest
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page
from app.repositories.recent import Recent


@store_errors_translated
class ApiKeyRepository:
    """Keys by the digest of their secret; each belongs to one assistant.

    An assistant has one main key, and further ones.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._keys = db["api_keys"]
        self._recent: Recent[ApiKey] = Recent()

    def ensure_indexes(self) -> None:
        self._keys.create_index([("digest", ASCENDING)], unique=True)
        self._keys.create_index([("previous_digest", ASCENDING)], sparse=True)
        self._keys.create_index(
            [
                ("assistant_id", ASCENDING),
                ("main", ASCENDING),
                ("created_at", DESCENDING),
                ("_id", DESCENDING),
            ]
        )

    def add(self, key: ApiKey) -> None:
        self._keys.insert_one(_to_mongo(key))

    def find_by_digests(self, digests: Sequence[str]) -> ApiKey | None:
        """Return the key with one of these digests, now or before its rotation.

        What another process has changed is seen within half a second.
        """
        asked = tuple(digests)
        if known := self._recent.get(asked):
            return known
        mark = self._recent.mark()
        wanted = {"$in": list(digests)}
        found = self._keys.find_one({"digest": wanted}) or self._keys.find_one(
            {"previous_digest": wanted}
        )
        if found is None:
            return None
        key = _from_mongo(found)
        self._recent.put(asked, key, mark)
        return key

    def find_main(self, assistant_id: str) -> ApiKey | None:
        found = self._keys.find_one({"assistant_id": assistant_id, "main": True})
        return _from_mongo(found) if found else None

    def find_main_for(self, assistant_ids: Sequence[str]) -> dict[str, ApiKey]:
        found = self._keys.find(
            {"assistant_id": {"$in": list(assistant_ids)}, "main": True}
        )
        return {row["assistant_id"]: _from_mongo(row) for row in found}

    def find_further(self, assistant_id: str, key_id: str) -> ApiKey | None:
        found = self._keys.find_one(
            {"_id": key_id, "assistant_id": assistant_id, "main": False}
        )
        return _from_mongo(found) if found else None

    def list_further(self, assistant_id: str, request: PageRequest) -> Page[ApiKey]:
        query = {"assistant_id": assistant_id, "main": False}
        return find_page(self._keys, query, request, by="created_at", build=_from_mongo)

    def count_further(self, assistant_id: str) -> int:
        return self._keys.count_documents({"assistant_id": assistant_id, "main": False})

    def replace(self, old: ApiKey, new: ApiKey) -> bool:
        """Put ``new`` in the place of ``old``; False when it was no longer there."""
        result = self._keys.replace_one(
            {"_id": old.id, "digest": old.digest}, _to_mongo(new)
        )
        self._recent.clear()
        return result.matched_count == 1

    def remove_further(self, assistant_id: str, key_id: str) -> bool:
        """Remove a further key; False when it was gone already."""
        result = self._keys.delete_one(
            {"_id": key_id, "assistant_id": assistant_id, "main": False}
        )
        self._recent.clear()
        return result.deleted_count == 1

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._keys.delete_many({"assistant_id": assistant_id})
        self._recent.clear()


def _to_mongo(key: ApiKey) -> dict[str, Any]:
    row = asdict(key) | {
        "_id": key.id,
        "scopes": [scope.value for scope in key.scopes],
    }
    del row["id"]
    if key.previous_digest is None:
        del row["previous_digest"]  # absent: the sparse index passes it over
    return row


def _from_mongo(found: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=found["_id"],
        assistant_id=found["assistant_id"],
        main=found["main"],
        name=found["name"],
        scopes=tuple(KeyScope(scope) for scope in found["scopes"]),
        hint=found["hint"],
        digest=found["digest"],
        sealed=found["sealed"],
        previous_digest=found.get("previous_digest"),
        previous_until=found["previous_until"],
        expires_at=found["expires_at"],
        created_at=found["created_at"],
        rotated_at=found["rotated_at"],
    )
