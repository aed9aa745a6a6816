import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.models.search import Embedding


class DocumentType(StrEnum):
    RAG = "rag"
    PROMPT = "prompt"


class DocumentStatus(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file an assistant may read; its bytes live in DocumentFiles.

    ``filename`` is the name as sent, ``filepath`` the place relative to the
    documents folder, ``size`` in bytes, ``chunks`` how many are searchable.
    ``revision`` names the contents: it changes when the file is replaced.
    ``indexed`` is the revision that is searchable, which may still be an earlier
    one, and ``embedded`` the model of its vectors, None while it has none; ``pages``
    how many there are, None where the format has none. ``source_url`` is the address
    that it was fetched from, None where it was uploaded.
    """

    id: str
    assistant_id: str
    type: DocumentType
    filename: str
    filepath: str
    size: int
    sha256: str
    revision: str
    status: DocumentStatus
    progress: float
    error: str | None
    chunks: int
    pages: int | None = None
    indexed: str | None = None
    embedded: str | None = None
    source_url: str | None = None
    created_at: datetime

    @property
    def is_waiting(self) -> bool:
        return self.status in {DocumentStatus.QUEUED, DocumentStatus.PROCESSING}

    @property
    def search_key(self) -> str:
        """Name what is searchable of it, if anything is, in an index."""
        return search_key(self.id, self.indexed, self.embedded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A retrieval piece of a document: what the model gets to read.

    ``heading`` is the path of headings above it, ``position`` its place among
    the document's chunks from 0, ``start`` that of its first character in the
    document's text, ``language`` what it was indexed as (``en``, ``pt``, ``es``).
    ``pages`` are the characters of ``text`` at which pages begin, each with its
    number, the first at 0; empty where the format has none. ``embedding`` is None
    until there is one.
    """

    id: str
    assistant_id: str
    document_id: str
    revision: str
    position: int
    filename: str
    pages: tuple[tuple[int, int], ...] = ()
    heading: str | None
    language: str
    start: int
    text: str
    embedding: Embedding | None = None

    @property
    def meant(self) -> str:
        """Return what its vector is made of."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text

    @property
    def digest(self) -> str:
        """Return what is the same for chunks that mean the same."""
        return hashlib.sha256(self.meant.encode()).hexdigest()[:32]

    @property
    def page(self) -> int | None:
        return self.page_at(0)

    def page_at(self, place: int) -> int | None:
        """Return the number of the page on which a character of ``text`` stands."""
        found = [number for begins, number in self.pages if begins <= place]
        return found[-1] if found else None


def search_key(document_id: str, revision: str | None, embedded: str | None) -> str:
    return f"{document_id}:{revision}:{embedded or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk found for a question.

    ``coverage`` (0-1) is the share of the question's content words that stand in the
    chunk; ``score`` (0-1) the greater of the same with rare words weighing more, and
    of how alike chunk and question are in meaning. The ranks are its places, from 1,
    among what words and what meaning find; None: it is not found that way. ``bm25``
    tells passages of one question apart by their words, higher is better.
    """

    chunk: Chunk
    score: float
    coverage: float
    bm25: float = 0.0
    lexical_rank: int | None = None
    vector_rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """Which documents a list shows; None: whichever."""

    type: DocumentType | None = None
    status: DocumentStatus | None = None
