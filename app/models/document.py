from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A retrieval piece of a document: what the model gets to read.

    ``heading`` is the path of headings above it, ``position`` its place among
    the document's chunks from 0, ``language`` what it was indexed as (``en``,
    ``pt``, ``es``).
    """

    id: str
    assistant_id: str
    document_id: str
    revision: str
    position: int
    filename: str
    page: int | None
    heading: str | None
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk found for a question.

    ``score`` is BM25, higher is better; ``coverage`` is the share (0-1) of the
    question's content words that stand in the chunk.
    """

    chunk: Chunk
    score: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """Which documents a list shows; None: whichever."""

    type: DocumentType | None = None
    status: DocumentStatus | None = None
