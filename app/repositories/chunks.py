from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING

from app.models.document import Chunk
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class ChunkRepository:
    """The searchable pieces of each revision of a document."""

    def __init__(self, db: AnyDatabase) -> None:
        self._chunks = db["chunks"]

    def ensure_indexes(self) -> None:
        self._chunks.create_index(
            [
                ("document_id", ASCENDING),
                ("revision", ASCENDING),
                ("position", ASCENDING),
            ]
        )
        self._chunks.create_index([("assistant_id", ASCENDING)])

    def add(self, chunks: Iterable[Chunk]) -> None:
        self._chunks.insert_many([_to_mongo(chunk) for chunk in chunks])

    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
        found = self._chunks.find({"document_id": document_id, "revision": revision})
        return [_from_mongo(row) for row in found.sort("position", ASCENDING)]

    def find_by_ids(self, assistant_id: str, ids: Sequence[str]) -> dict[str, Chunk]:
        found = self._chunks.find(
            {"_id": {"$in": list(ids)}, "assistant_id": assistant_id}
        )
        return {row["_id"]: _from_mongo(row) for row in found}

    def remove_for_document(self, document_id: str, *, but: str | None = None) -> None:
        """Remove a document's chunks, except those of the revision ``but``."""
        query: dict[str, Any] = {"document_id": document_id}
        if but is not None:
            query["revision"] = {"$ne": but}
        self._chunks.delete_many(query)

    def remove_revision(self, document_id: str, revision: str) -> None:
        self._chunks.delete_many({"document_id": document_id, "revision": revision})

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._chunks.delete_many({"assistant_id": assistant_id})


def _to_mongo(chunk: Chunk) -> dict[str, Any]:
    row = asdict(chunk)
    row["_id"] = row.pop("id")
    return row


def _from_mongo(found: dict[str, Any]) -> Chunk:
    return Chunk(id=found["_id"], **{k: v for k, v in found.items() if k != "_id"})
