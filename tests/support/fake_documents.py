"""In-memory repositories of knowledge; they run the repositories' contract tests."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.errors import DocumentExists
from app.models.document import (
    Chunk,
    Document,
    DocumentFilter,
    DocumentStatus,
    DocumentType,
)
from app.models.filenames import place_key
from app.models.page import Page, PageRequest
from app.models.search import Embedding
from tests.support.fake_console import page_of


class FakeDocuments:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, Document] = {}

    def all(self) -> list[Document]:
        return list(self._documents.values())

    def add(self, document: Document) -> None:
        with self._lock:
            for other in self._of(document.assistant_id):
                if _keys(other) & _keys(document):
                    raise DocumentExists
            self._documents[document.id] = document

    def get(
        self, document_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Document | None:
        found = self._documents.get(document_id)
        if found and assistant_ids is not None:
            return found if found.assistant_id in assistant_ids else None
        return found

    def find_by_ids(self, assistant_id: str, ids: Collection[str]) -> list[Document]:
        return [d for d in self._of(assistant_id) if d.id in ids]

    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None:
        return self._first(
            assistant_id,
            lambda d: d.type is DocumentType.RAG and d.filename == filename,
        )

    def find_prompt(self, assistant_id: str) -> Document | None:
        return self._first(assistant_id, lambda d: d.type is DocumentType.PROMPT)

    def find_by_revision(self, assistant_id: str, revision: str) -> Document | None:
        return self._first(assistant_id, lambda d: d.revision == revision)

    def list_page(
        self,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Document]:
        found = [
            document
            for document in self.all()
            if (assistant_ids is None or document.assistant_id in assistant_ids)
            and chosen.type in {None, document.type}
            and chosen.status in {None, document.status}
        ]
        return page_of(found, request)

    def filepaths(self, assistant_id: str) -> set[str]:
        return {document.filepath for document in self._of(assistant_id)}

    def find_by_source(self, assistant_id: str, source_url: str) -> Document | None:
        return self._first(assistant_id, lambda d: d.source_url == source_url)

    def sizes(self, assistant_id: str) -> list[int]:
        documents = self._of(assistant_id)
        return [d.size for d in documents if d.type is DocumentType.RAG]

    def ready_keys(self, assistant_id: str) -> set[str]:
        return {d.search_key for d in self._of(assistant_id) if d.indexed}

    def obsolete_keys(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self._is_obsolete(key)}

    def searchable_revisions(self, document_ids: Collection[str]) -> dict[str, str]:
        return {
            d.id: d.indexed for d in self.all() if d.id in document_ids and d.indexed
        }

    def replace(self, old: Document, new: Document) -> bool:
        with self._lock:
            present = self._documents.get(old.id)
            if present is None or (present.revision, present.indexed) != (
                old.revision,
                old.indexed,
            ):
                return False
            self._documents[old.id] = new
            return True

    def note_progress(
        self, document: Document, *, progress: float, pages: int | None
    ) -> bool:
        with self._lock:
            present = self._documents.get(document.id)
            if (
                present is None
                or present.revision != document.revision
                or present.status is not DocumentStatus.PROCESSING
            ):
                return False
            told = replace(present, progress=progress, pages=pages)
            self._documents[document.id] = told
            return True

    def list_unfinished(self, *, since: datetime) -> list[Document]:
        return [
            document
            for document in self.all()
            if document.status in {DocumentStatus.QUEUED, DocumentStatus.PROCESSING}
            and document.created_at < since
        ]

    def remove(self, document_id: str) -> bool:
        return self._documents.pop(document_id, None) is not None

    def remove_revision(self, document: Document) -> bool:
        with self._lock:
            present = self._documents.get(document.id)
            if present is None or present.revision != document.revision:
                return False
            del self._documents[document.id]
            return True

    def remove_for_assistant(self, assistant_id: str) -> None:
        for document in self._of(assistant_id):
            del self._documents[document.id]

    def _of(self, assistant_id: str) -> list[Document]:
        return [d for d in self.all() if d.assistant_id == assistant_id]

    def _is_obsolete(self, key: str) -> bool:
        document_id, revision, embedded = key.split(":", 2)
        document = self._documents.get(document_id)
        if document is None:
            return True
        if revision == document.indexed:
            return document.embedded not in {None, embedded}
        return revision != document.revision

    def _first(
        self, assistant_id: str, fits: Callable[[Document], bool]
    ) -> Document | None:
        return next((d for d in self._of(assistant_id) if fits(d)), None)


class FakeChunks:
    def __init__(self) -> None:
        self._chunks: dict[str, Chunk] = {}

    def all(self) -> list[Chunk]:
        return list(self._chunks.values())

    def add(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = {chunk.id: chunk for chunk in chunks} | self._chunks

    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
        found = [
            chunk
            for chunk in self.all()
            if (chunk.document_id, chunk.revision) == (document_id, revision)
        ]
        return sorted(found, key=lambda chunk: chunk.position)

    def find_by_ids(self, assistant_id: str, ids: Sequence[str]) -> dict[str, Chunk]:
        found = [self._chunks[name] for name in ids if name in self._chunks]
        return {c.id: c for c in found if c.assistant_id == assistant_id}

    def known_embeddings(
        self, assistant_id: str, model: str, digests: Collection[str]
    ) -> dict[str, Embedding]:
        return {
            chunk.digest: chunk.embedding
            for chunk in self.all()
            if chunk.assistant_id == assistant_id
            and chunk.digest in digests
            and chunk.embedding
            and chunk.embedding.model == model
        }

    def set_embeddings(self, embeddings: Mapping[str, Embedding]) -> None:
        for name, embedding in embeddings.items():
            if name in self._chunks:
                self._chunks[name] = replace(self._chunks[name], embedding=embedding)

    def revisions(self, document_id: str) -> list[str]:
        found = {c.revision for c in self.all() if c.document_id == document_id}
        return sorted(found)

    def remove_for_document(self, document_id: str) -> None:
        self._remove(lambda c: c.document_id == document_id)

    def remove_revision(self, document_id: str, revision: str) -> None:
        self._remove(lambda c: (c.document_id, c.revision) == (document_id, revision))

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._remove(lambda c: c.assistant_id == assistant_id)

    def _remove(self, unwanted: Callable[[Chunk], bool]) -> None:
        self._chunks = {c.id: c for c in self.all() if not unwanted(c)}


def _keys(document: Document) -> set[str]:
    is_rag = document.type is DocumentType.RAG
    name = f"{document.type}:{document.filename if is_rag else ''}"
    return {name, f"place:{place_key(document.filepath)}"}
