"""Vectors of documents: made in the background, once their words are searchable."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from app.errors import ProviderError
from app.models.document import Chunk, Document, DocumentStatus
from app.models.job import Job
from app.models.search import Embedding
from app.services.knowledge.embedding import Embedder
from app.services.workers import Interrupted, TryAgain

log = logging.getLogger(__name__)

VECTORIZE = "vectorize"
BATCH = 64
WORDS_SHARE = 0.5  # of the progress, where the other half is vectors
UNEMBEDDED = "unembedded"


class Chunks(Protocol):
    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]: ...
    def known_embeddings(
        self, assistant_id: str, model: str, digests: Collection[str]
    ) -> dict[str, Embedding]: ...
    def set_embeddings(self, embeddings: Mapping[str, Embedding]) -> None: ...


class Documents(Protocol):
    def get(self, document_id: str) -> Document | None: ...
    def replace(self, old: Document, new: Document) -> bool: ...
    def note_progress(
        self, document: Document, *, progress: float, pages: int | None
    ) -> bool: ...


class Index(Protocol):
    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None: ...


class Queue(Protocol):
    def enqueue(
        self, kind: str, subject: str, *, revision: str, assistant_id: str
    ) -> None: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class Watchers(Protocol):
    def tell(self, document: Document) -> None: ...


class Vectors:
    """What is to have vectors, and which; ``model`` None: nothing is."""

    def __init__(self, *, chunks: Chunks, queue: Queue, model: str | None) -> None:
        self._chunks = chunks
        self._queue = queue
        self.model = model

    def recall(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Give chunks the vectors that others of the same words already have."""
        if not (chunks and self.model):
            return list(chunks)
        known = self._chunks.known_embeddings(
            chunks[0].assistant_id, self.model, {chunk.digest for chunk in chunks}
        )
        return [replace(chunk, embedding=known.get(chunk.digest)) for chunk in chunks]

    def lacking(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        if self.model is None:
            return []
        return [
            chunk
            for chunk in chunks
            if chunk.embedding is None or chunk.embedding.model != self.model
        ]

    def queue(self, document: Document) -> None:
        """Have vectors made for what is searchable of a document."""
        self._queue.enqueue(
            VECTORIZE,
            document.id,
            revision=str(document.indexed),
            assistant_id=document.assistant_id,
        )


class Vectorizer:
    """Gives what is searchable of a document its vectors.

    It may run again, and several times at once: vectors that are there are not asked
    for again. While the provider is away the document waits, found by its words.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        vectors: Vectors,
        embedder: Embedder | None,
        index: Index,
        knowledge: Knowledge,
        watchers: Watchers,
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._vectors = vectors
        self._embedder = embedder
        self._index = index
        self._knowledge = knowledge
        self._watchers = watchers

    def run(self, job: Job, stopping: Callable[[], bool]) -> None:
        """Raises TryAgain, Interrupted, and what the store raises."""
        document = self._wanted(job)
        if document is None:
            return
        if document.is_waiting:
            chunks = self._chunks.list_for_document(document.id, str(document.indexed))
            if self._embedder:
                chunks = self._embed(document, self._embedder, chunks, stopping)
            document = self._finished(document, chunks)
        if document:
            self._watchers.tell(document)
            self._knowledge.knowledge_changed(document.assistant_id)

    def give_up(self, job: Job, error: str) -> None:  # noqa: ARG002 - in the log
        document = self._wanted(job)
        if document and document.is_waiting:
            found = replace(
                document, status=DocumentStatus.READY, progress=1.0, error=UNEMBEDDED
            )
            if self._documents.replace(document, found):
                self._watchers.tell(found)

    def _wanted(self, job: Job) -> Document | None:
        document = self._documents.get(job.subject)
        if document and document.revision == document.indexed == job.revision:
            return document
        return None

    def _embed(
        self,
        document: Document,
        embedder: Embedder,
        chunks: Sequence[Chunk],
        stopping: Callable[[], bool],
    ) -> list[Chunk]:
        made: dict[str, Embedding] = {}
        lacking = self._vectors.lacking(chunks)
        for start in range(0, len(lacking), BATCH):
            if stopping():
                raise Interrupted
            batch = lacking[start : start + BATCH]
            vectors = self._ask(document, embedder, [chunk.meant for chunk in batch])
            found = {
                chunk.id: Embedding(embedder.model, vector)
                for chunk, vector in zip(batch, vectors, strict=True)
            }
            self._chunks.set_embeddings(found)
            made |= found
            done = 1 - (len(lacking) - len(made)) / len(chunks)
            if self._documents.note_progress(
                document,
                progress=round(WORDS_SHARE + (1 - WORDS_SHARE) * done, 2),
                pages=document.pages,
            ):
                self._watchers.tell(document)
        return [
            replace(chunk, embedding=made.get(chunk.id, chunk.embedding))
            for chunk in chunks
        ]

    def _ask(
        self, document: Document, embedder: Embedder, texts: Sequence[str]
    ) -> list[bytes]:
        try:
            return embedder.embed(texts)
        except ProviderError as exc:
            about = {"document_id": document.id, "code": exc.code}
            log.info("vectors put off", extra=about)
            present = self._documents.get(document.id) or document
            put_off = replace(present, error=UNEMBEDDED)
            if self._documents.replace(document, put_off):
                self._watchers.tell(put_off)
            raise TryAgain from exc

    def _finished(self, document: Document, chunks: Sequence[Chunk]) -> Document | None:
        """Make a document found by meaning; None where it is another one by now."""
        ready = replace(
            document,
            status=DocumentStatus.READY,
            progress=1.0,
            error=None,
            embedded=self._vectors.model,
        )
        self._index.add(document.assistant_id, ready.search_key, chunks)
        return ready if self._documents.replace(document, ready) else None
