"""Making documents searchable, in the background."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.extraction.extract import Extract, ExtractionFailed
from app.models.document import Chunk, Document, DocumentStatus
from app.models.job import Job
from app.services.jobs import Jobs
from app.services.knowledge.chunking import chunks_of
from app.services.knowledge.vectorizing import WORDS_SHARE, Vectors
from app.services.workers import Interrupted, TryAgain

log = logging.getLogger(__name__)

INDEX = "index"
BATCH = 500
TELL_EVERY = 0.5
SOON = 1.0
READ_SHARE = 0.8  # of the progress; the rest is writing down
PAGED = {"pdf", "pptx"}
CRASHED, INTERRUPTED = "crashed", "interrupted"

OnProgress = Callable[[int, int | None], None]


class Extracting(Protocol):
    """Reads a file of a format, and tells how far it is. Raises ExtractionFailed."""

    def __call__(
        self, path: Path, extension: str, *, on_progress: OnProgress
    ) -> Extract: ...


class Documents(Protocol):
    def get(self, document_id: str) -> Document | None: ...
    def replace(self, old: Document, new: Document) -> bool: ...
    def note_progress(
        self, document: Document, *, progress: float, pages: int | None
    ) -> bool: ...


class Chunks(Protocol):
    def add(self, chunks: Iterable[Chunk]) -> None: ...
    def revisions(self, document_id: str) -> list[str]: ...
    def remove_revision(self, document_id: str, revision: str) -> None: ...


class Files(Protocol):
    def path(self, filepath: str) -> Path: ...
    def is_staged(self, assistant_id: str, name: str) -> bool: ...


class Index(Protocol):
    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class Watchers(Protocol):
    def tell(self, document: Document) -> None: ...


class IndexingQueue:
    """The jobs of documents that are to be indexed."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def add(self, document: Document) -> None:
        self._jobs.enqueue(
            INDEX,
            document.id,
            revision=document.revision,
            assistant_id=document.assistant_id,
        )

    def remove(self, document_id: str) -> None:
        self._jobs.remove_for_subject(document_id)


class Indexer:
    """Reads a document's revision, and puts its chunks in the place of the earlier.

    It may run again for the same revision, and several times at once: what counts is
    the one write that makes the revision the searchable one.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        files: Files,
        index: Index,
        knowledge: Knowledge,
        vectors: Vectors,
        watchers: Watchers,
        extract: Extracting,
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._files = files
        self._index = index
        self._knowledge = knowledge
        self._vectors = vectors
        self._watchers = watchers
        self._extract = extract

    def run(self, job: Job, stopping: Callable[[], bool]) -> None:
        """Raises TryAgain, Interrupted, and what the store raises."""
        document = self._documents.get(job.subject)
        if document is None or document.revision != job.revision:
            self._tidy(job.subject)
            return
        if document.indexed == job.revision:
            self._finish(document)
            return
        begun = replace(
            document, status=DocumentStatus.PROCESSING, progress=0.0, error=None
        )
        if not self._documents.replace(document, begun):
            raise TryAgain(SOON)  # somebody else has changed it
        self._watchers.tell(begun)
        try:
            self._make_searchable(begun, stopping)
        except ExtractionFailed as exc:
            log.info(
                "document not read",
                extra={
                    "document_id": document.id,
                    "reason": exc.reason,
                    "detail": exc.detail,
                },
            )
            self._fail(begun, exc.reason)

    def give_up(self, job: Job, error: str) -> None:  # noqa: ARG002 - in the log
        document = self._documents.get(job.subject)
        if document and document.revision == job.revision != document.indexed:
            self._fail(document, CRASHED)
        else:
            self._tidy(job.subject)

    def _make_searchable(
        self, document: Document, stopping: Callable[[], bool]
    ) -> None:
        # Staged is looked at first: what is so at the end may be in its place then.
        is_staged = self._files.is_staged(document.assistant_id, document.revision)
        path = self._files.path(document.filepath)
        if not _holds(path, document.sha256):
            if is_staged:
                raise TryAgain(SOON)
            raise ExtractionFailed(INTERRUPTED, "its bytes are not there")
        extension = path.suffix[1:].lower()
        progress = _Progress(
            self._documents,
            self._watchers,
            document,
            stopping,
            has_pages=extension in PAGED,
            share=WORDS_SHARE if self._vectors.model else 1.0,
        )
        extract = self._extract(path, extension, on_progress=progress.read)
        chunks = chunks_of(document, extract)
        if not chunks:
            raise ExtractionFailed("empty")
        chunks = self._stored(chunks, progress)
        whole = not self._vectors.lacking(chunks)
        found = replace(
            document,
            status=DocumentStatus.READY if whole else DocumentStatus.PROCESSING,
            progress=1.0 if whole else WORDS_SHARE,
            error=None,
            chunks=len(chunks),
            pages=len(extract.pages) or None,
            indexed=document.revision,
            embedded=self._vectors.model if whole else None,
        )
        self._index.add(document.assistant_id, found.search_key, chunks)
        if self._documents.replace(document, found):
            self._finish(found)
        else:
            self._tidy(document.id)

    def _stored(self, chunks: Sequence[Chunk], progress: "_Progress") -> list[Chunk]:
        """Write chunks down, with the vectors that are known already."""
        stored: list[Chunk] = []
        for start in range(0, len(chunks), BATCH):
            batch = self._vectors.recall(chunks[start : start + BATCH])
            self._chunks.add(batch)
            stored += batch
            progress.wrote(len(stored), len(chunks))
        return stored

    def _finish(self, document: Document) -> None:
        """Do what follows the swap; once more where a crash came between."""
        self._watchers.tell(document)
        self._knowledge.knowledge_changed(document.assistant_id)
        self._tidy(document.id)
        if document.is_waiting:
            self._vectors.queue(document)

    def _fail(self, document: Document, error: str) -> None:
        """Say why a revision is not read.

        Its chunks, if there are any, stay: another run may be about to succeed.
        """
        failed = replace(document, status=DocumentStatus.FAILED, error=error)
        if self._documents.replace(document, failed):
            self._watchers.tell(failed)
        else:
            self._tidy(document.id)

    def _tidy(self, document_id: str) -> None:
        """Remove the chunks of revisions that are neither a document's nor found."""
        # A revision has chunks after it has become the document's, and never
        # becomes it again: what is read of the document last is right.
        written = self._chunks.revisions(document_id)
        found = self._documents.get(document_id)
        wanted = {found.revision, found.indexed} if found else set()
        for revision in written:
            if revision not in wanted:
                self._chunks.remove_revision(document_id, revision)


class _Progress:
    """Tells of progress a few times a second at the most.

    Each step raises Interrupted when the process is stopping.
    """

    def __init__(
        self,
        documents: Documents,
        watchers: Watchers,
        document: Document,
        stopping: Callable[[], bool],
        *,
        has_pages: bool,
        share: float,
    ) -> None:
        self._documents = documents
        self._watchers = watchers
        self._document = document
        self._stopping = stopping
        self._has_pages = has_pages
        self._share = share
        self._pages: int | None = None
        self._told = time.monotonic()

    def read(self, done: int, of: int | None) -> None:
        self._pages = of if self._has_pages else None
        self._tell(READ_SHARE * done / of if of else READ_SHARE / 2)

    def wrote(self, done: int, of: int) -> None:
        self._tell(READ_SHARE + (1 - READ_SHARE) * done / of)

    def _tell(self, progress: float) -> None:
        if self._stopping():
            raise Interrupted
        if time.monotonic() - self._told < TELL_EVERY:
            return
        self._told = time.monotonic()
        if self._documents.note_progress(
            self._document,
            progress=round(self._share * progress, 2),
            pages=self._pages,
        ):
            self._watchers.tell(self._document)


def _holds(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
