from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from app.models.document import Chunk
from app.models.search import Embedding
from app.repositories.database import AnyDatabase
from app.repositories.failures import DUPLICATE_KEY, store_errors_translated
from app.repositories.rows import fields_of

REMOVED_AT_ONCE = 1_000
"""Chunks: a write of all that a long document has would exceed the time of one."""


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
        self._chunks.create_index([("assistant_id", ASCENDING), ("digest", ASCENDING)])

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Add chunks; those that are there already stay as they are."""
        try:
            self._chunks.insert_many(
                [_to_mongo(chunk) for chunk in chunks], ordered=False
            )
        except BulkWriteError as exc:
            errors = exc.details["writeErrors"]
            if any(error["code"] != DUPLICATE_KEY for error in errors):
                raise

    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
        found = self._chunks.find({"document_id": document_id, "revision": revision})
        return [_from_mongo(row) for row in found.sort("position", ASCENDING)]

    def find_by_ids(self, assistant_id: str, ids: Sequence[str]) -> dict[str, Chunk]:
        # By nothing but the ids: a store may prefer the index of the other condition.
        found = self._chunks.find({"_id": {"$in": list(ids)}})
        return {
            row["_id"]: _from_mongo(row)
            for row in found
            if row["assistant_id"] == assistant_id
        }

    def known_embeddings(
        self, assistant_id: str, model: str, digests: Collection[str]
    ) -> dict[str, Embedding]:
        """Return the vectors that the assistant's chunks have, by their digests."""
        found = self._chunks.find(
            {
                "assistant_id": assistant_id,
                "digest": {"$in": sorted(digests)},
                "embedding.model": model,
            },
            {"digest": 1, "embedding": 1},
        )
        return {row["digest"]: Embedding(**row["embedding"]) for row in found}

    def set_embeddings(self, embeddings: Mapping[str, Embedding]) -> None:
        """Give chunks their vectors, by id; those that are gone stay so."""
        steps = [
            UpdateOne({"_id": name}, {"$set": {"embedding": fields_of(embedding)}})
            for name, embedding in embeddings.items()
        ]
        if steps:
            self._chunks.bulk_write(steps, ordered=False)

    def revisions(self, document_id: str) -> list[str]:
        """Return those that a document has chunks of."""
        found: list[str] = []
        while row := self._chunks.find_one(
            {
                "document_id": document_id,
                "revision": {"$gt": found[-1] if found else ""},
            },
            {"revision": 1},
            sort=[("revision", ASCENDING)],
        ):
            found.append(row["revision"])
        return found

    def remove_for_document(self, document_id: str) -> None:
        self._remove({"document_id": document_id})

    def remove_revision(self, document_id: str, revision: str) -> None:
        self._remove({"document_id": document_id, "revision": revision})

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._remove({"assistant_id": assistant_id})

    def _remove(self, query: dict[str, Any]) -> None:
        while found := list(
            self._chunks.find(query, {"_id": 1}, limit=REMOVED_AT_ONCE)
        ):
            self._chunks.delete_many({"_id": {"$in": [row["_id"] for row in found]}})


def _to_mongo(chunk: Chunk) -> dict[str, Any]:
    row = fields_of(chunk)
    row["_id"] = row.pop("id")
    row["digest"] = chunk.digest
    row["embedding"] = fields_of(chunk.embedding) if chunk.embedding else None
    return row


def _from_mongo(found: dict[str, Any]) -> Chunk:
    row = {k: v for k, v in found.items() if k not in {"_id", "digest"}}
    row["embedding"] = Embedding(**row["embedding"]) if row["embedding"] else None
    row["pages"] = tuple((start, number) for start, number in row["pages"])
    return Chunk(id=found["_id"], **row)
