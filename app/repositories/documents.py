from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from app.errors import DocumentExists
from app.models.document import (
    Document,
    DocumentFilter,
    DocumentStatus,
    DocumentType,
    search_key,
)
from app.models.filenames import place_key
from app.models.page import Page, PageRequest
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page
from app.repositories.scopes import among


@store_errors_translated
class DocumentRepository:
    """Document records; an assistant has one ``rag`` document of a file name.

    ``assistant_ids`` in a query limits it to what the caller may see; None means
    everything.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._documents = db["documents"]

    def ensure_indexes(self) -> None:
        self._documents.create_index(
            [("assistant_id", ASCENDING), ("name_key", ASCENDING)], unique=True
        )
        self._documents.create_index(
            [("assistant_id", ASCENDING), ("place_key", ASCENDING)], unique=True
        )
        self._documents.create_index(
            [("assistant_id", ASCENDING), ("source_url", ASCENDING)]
        )
        self._documents.create_index([("status", ASCENDING), ("created_at", ASCENDING)])
        self._documents.create_index([("created_at", DESCENDING), ("_id", DESCENDING)])

    def add(self, document: Document) -> None:
        """Raises DocumentExists for a file name, or a place, that is taken."""
        try:
            self._documents.insert_one(_to_mongo(document))
        except DuplicateKeyError as exc:
            raise DocumentExists from exc

    def get(
        self, document_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Document | None:
        found = self._documents.find_one({"_id": document_id, **among(assistant_ids)})
        return _from_mongo(found) if found else None

    def find_by_ids(self, assistant_id: str, ids: Collection[str]) -> list[Document]:
        found = self._documents.find(
            {"_id": {"$in": sorted(ids)}, "assistant_id": assistant_id}
        )
        return [_from_mongo(row) for row in found]

    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None:
        key = _name_key(DocumentType.RAG, filename)
        found = self._documents.find_one(
            {"assistant_id": assistant_id, "name_key": key}
        )
        return _from_mongo(found) if found else None

    def find_prompt(self, assistant_id: str) -> Document | None:
        key = _name_key(DocumentType.PROMPT, "")
        found = self._documents.find_one(
            {"assistant_id": assistant_id, "name_key": key}
        )
        return _from_mongo(found) if found else None

    def list_page(
        self,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Document]:
        query = among(assistant_ids)
        if chosen.type is not None:
            query["type"] = chosen.type.value
        if chosen.status is not None:
            query["status"] = chosen.status.value
        return find_page(
            self._documents, query, request, by="created_at", build=_from_mongo
        )

    def filepaths(self, assistant_id: str) -> set[str]:
        found = self._documents.find({"assistant_id": assistant_id}, {"filepath": 1})
        return {row["filepath"] for row in found}

    def find_by_source(self, assistant_id: str, source_url: str) -> Document | None:
        found = self._documents.find_one(
            {"assistant_id": assistant_id, "source_url": source_url}
        )
        return _from_mongo(found) if found else None

    def sizes(self, assistant_id: str) -> list[int]:
        """Return the bytes of each ``rag`` document of the assistant."""
        found = self._documents.find(
            {"assistant_id": assistant_id, "type": DocumentType.RAG.value}, {"size": 1}
        )
        return [row["size"] for row in found]

    def ready_keys(self, assistant_id: str) -> set[str]:
        """Return the ``search_key`` of what is searchable of each document."""
        found = self._documents.find(
            {"assistant_id": assistant_id, "indexed": {"$ne": None}},
            {"indexed": 1, "embedded": 1},
        )
        return {
            search_key(row["_id"], row["indexed"], row["embedded"]) for row in found
        }

    def obsolete_keys(self, keys: Collection[str]) -> set[str]:
        """Return the search keys of what is not searchable, and will never be."""
        ids = {key.partition(":")[0] for key in keys}
        found = self._documents.find(
            {"_id": {"$in": sorted(ids)}},
            {"revision": 1, "indexed": 1, "embedded": 1},
        )
        rows = {row["_id"]: row for row in found}
        return {key for key in keys if _is_obsolete(key, rows)}

    def searchable_revisions(self, document_ids: Collection[str]) -> dict[str, str]:
        """Return the revision that is searchable of each of these documents."""
        found = self._documents.find(
            {"_id": {"$in": sorted(document_ids)}, "indexed": {"$ne": None}},
            {"indexed": 1},
        )
        return {row["_id"]: row["indexed"] for row in found}

    def replace(self, old: Document, new: Document) -> bool:
        """Put ``new`` in the place of ``old``.

        False when it is gone, or has another revision or another one is searchable.
        """
        result = self._documents.replace_one(
            {"_id": old.id, "revision": old.revision, "indexed": old.indexed},
            _to_mongo(new),
        )
        return result.matched_count == 1

    def note_progress(
        self, document: Document, *, progress: float, pages: int | None
    ) -> bool:
        """Say how far the reading of a revision is; False when it has ended."""
        result = self._documents.update_one(
            {
                "_id": document.id,
                "revision": document.revision,
                "status": DocumentStatus.PROCESSING.value,
            },
            {"$set": {"progress": progress, "pages": pages}},
        )
        return result.matched_count == 1

    def list_unfinished(self, *, since: datetime) -> list[Document]:
        """Return the documents that have waited to be indexed since before then."""
        unfinished = [DocumentStatus.QUEUED.value, DocumentStatus.PROCESSING.value]
        found = self._documents.find(
            {"status": {"$in": unfinished}, "created_at": {"$lt": since}}
        )
        return [_from_mongo(row) for row in found]

    def find_by_revision(self, assistant_id: str, revision: str) -> Document | None:
        found = self._documents.find_one(
            {"assistant_id": assistant_id, "revision": revision}
        )
        return _from_mongo(found) if found else None

    def remove(self, document_id: str) -> bool:
        return self._documents.delete_one({"_id": document_id}).deleted_count == 1

    def remove_revision(self, document: Document) -> bool:
        """Remove a document, unless it has another revision by now."""
        result = self._documents.delete_one(
            {"_id": document.id, "revision": document.revision}
        )
        return result.deleted_count == 1

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._documents.delete_many({"assistant_id": assistant_id})


def _is_obsolete(key: str, rows: Mapping[str, dict[str, Any]]) -> bool:
    """Say whether a key's document is gone, or has left it behind.

    A revision that has been replaced never comes back, nor do vectors go.
    """
    document_id, revision, embedded = key.split(":", 2)
    row = rows.get(document_id)
    if row is None:
        return True
    if revision == row["indexed"]:
        return bool(row["embedded"] not in {None, embedded})
    return bool(revision != row["revision"])


def _name_key(document_type: DocumentType, filename: str) -> str:
    """Return what is unique in an assistant: one prompt, one name each for the rest."""
    if document_type is DocumentType.PROMPT:
        return document_type.value
    return f"{document_type.value}:{filename}"


def _to_mongo(document: Document) -> dict[str, Any]:
    row = asdict(document)
    row["_id"] = row.pop("id")
    row["type"] = document.type.value
    row["status"] = document.status.value
    row["name_key"] = _name_key(document.type, document.filename)
    row["place_key"] = place_key(document.filepath)
    return row


def _from_mongo(found: dict[str, Any]) -> Document:
    row = {k: v for k, v in found.items() if k not in {"_id", "name_key", "place_key"}}
    row["type"] = DocumentType(row["type"])
    row["status"] = DocumentStatus(row["status"])
    return Document(id=found["_id"], **row)
