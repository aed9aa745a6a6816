"""The knowledge of many assistants, written through the repositories."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.models.document import Chunk, Document, DocumentStatus, DocumentType
from app.models.ids import new_id
from app.models.search import Embedding
from app.repositories.assistants import AssistantRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.database import AnyDatabase, now
from app.repositories.documents import DocumentRepository
from app.repositories.search_index import SearchIndex
from benchmarks.knowledge_embeddings import MODEL
from benchmarks.knowledge_texts import LANGUAGES, PIECE, Writer, question

CHUNKS = 200  # of a document
TOPICS = 20  # directions that an assistant's vectors cluster around
SPREAD = 0.7  # length of what takes a vector away from its topic's
QUESTIONS = 40

Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks an assistant, by its number; what it means is made up."""

    assistant: int
    text: str
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class Corpus:
    """Assistants, each one's chunks in the order of its vectors, and questions."""

    assistant_ids: tuple[str, ...]
    chunk_ids: tuple[tuple[str, ...], ...]
    dimensions: int
    questions: tuple[Question, ...]

    def some(self, count: int) -> list[Question]:
        """Return questions to assistants in no order."""
        draws = random.Random(5)
        return [draws.choice(self.questions) for _ in range(count)]

    def first_of_each(self) -> list[Question]:
        """Return a question to each assistant, once round."""
        return list({each.assistant: each for each in self.questions}.values())


def vectors_of(number: int, count: int, dimensions: int) -> Matrix:
    """Return an assistant's vectors, each of length 1; the same each time."""
    draws = np.random.default_rng([number, dimensions])
    topics = _at_length_1(_normal(draws, TOPICS, dimensions))
    away = SPREAD * _at_length_1(_normal(draws, count, dimensions))
    return _at_length_1(topics[draws.integers(0, TOPICS, count)] + away)


def _normal(draws: np.random.Generator, count: int, dimensions: int) -> Matrix:
    return draws.standard_normal((count, dimensions), dtype=np.float32)


def _at_length_1(rows: Matrix) -> Matrix:
    lengths: Matrix = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def write_corpus(
    db: AnyDatabase,
    index: SearchIndex,
    assistant_ids: Sequence[str],
    *,
    chunks: int,
    dimensions: int,
) -> Corpus:
    """Give each assistant its documents, ready, in the store and in the index."""
    documents, stored = DocumentRepository(db), ChunkRepository(db)
    assistants = AssistantRepository(db)
    questions: list[Question] = []
    chunk_ids: list[tuple[str, ...]] = []
    for number, assistant_id in enumerate(assistant_ids):
        vectors = vectors_of(number, chunks, dimensions)
        written: list[Chunk] = []
        for start in range(0, chunks, CHUNKS):
            document = _document(assistant_id, f"handbook {start}.pdf")
            seed = number * chunks + start
            made = list(_chunks(document, seed, vectors[start : start + CHUNKS]))
            documents.add(document)
            stored.add(made)
            index.add(assistant_id, document.search_key, made)
            written += made
        assistants.knowledge_changed(assistant_id)
        chunk_ids.append(tuple(chunk.id for chunk in written))
        questions += _questions(number, written, vectors)
    names = tuple(assistant_ids)
    return Corpus(names, tuple(chunk_ids), dimensions, tuple(questions))


def _document(assistant_id: str, filename: str) -> Document:
    revision = new_id()
    return Document(
        id=new_id(),
        assistant_id=assistant_id,
        type=DocumentType.RAG,
        filename=filename,
        filepath=f"{assistant_id}/knowledge/{filename}",
        size=CHUNKS * PIECE,
        sha256="",
        revision=revision,
        status=DocumentStatus.READY,
        progress=1.0,
        error=None,
        chunks=CHUNKS,
        indexed=revision,
        embedded=MODEL,
        created_at=now(),
    )


def _chunks(document: Document, seed: int, vectors: Matrix) -> Iterator[Chunk]:
    language = LANGUAGES[seed // CHUNKS % len(LANGUAGES)]
    writer = Writer(language, seed)
    for position, vector in enumerate(vectors):
        yield Chunk(
            id=f"{document.revision}-{position}",
            assistant_id=document.assistant_id,
            document_id=document.id,
            revision=document.revision,
            position=position,
            filename=document.filename,
            heading=None,
            language=language,
            start=position * PIECE,
            text=writer.sentences(PIECE),
            embedding=Embedding(MODEL, vector.astype("<f4").tobytes()),
        )


def _questions(
    number: int, written: Sequence[Chunk], vectors: Matrix
) -> Iterator[Question]:
    draws = random.Random(number)
    for _ in range(QUESTIONS):
        at = draws.randrange(len(written))
        yield Question(
            number,
            question(written[at].text, draws),
            Embedding(MODEL, near(vectors[at], seed=draws.getrandbits(32))),
        )


def near(vector: Matrix, *, seed: int) -> bytes:
    """Return what a question means that a chunk of that vector answers."""
    away = _normal(np.random.default_rng(seed), 1, len(vector))
    moved = _at_length_1(vector + SPREAD * _at_length_1(away))
    return moved.astype("<f4").tobytes()
