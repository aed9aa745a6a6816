"""What a search cannot do without, timed beside it."""

from pathlib import Path

import apsw
import numpy as np

from app.models.document import Chunk
from app.models.search import Embedding
from app.models.words import content_words
from app.repositories.database import AnyDatabase
from app.repositories.search_index import SearchIndex
from benchmarks.knowledge_corpus import Corpus, Matrix, Question, near, vectors_of
from benchmarks.knowledge_embeddings import MODEL
from benchmarks.knowledge_search import LIMIT, Times, timed


class PlainFts:
    """The same texts in a table of SQLite's FTS5, the assistant a column of it.

    It neither stems nor weighs by the assistant, and gives row numbers alone.
    """

    def __init__(self, path: Path, db: AnyDatabase, corpus: Corpus) -> None:
        numbers = {name: n for n, name in enumerate(corpus.assistant_ids)}
        self._connection = apsw.Connection(str(path))
        self._connection.execute(
            "CREATE VIRTUAL TABLE plain USING fts5 (assistant, body, content='')"
        )
        fields = {"assistant_id": 1, "text": 1}
        with self._connection:
            self._connection.executemany(
                "INSERT INTO plain (assistant, body) VALUES (?, ?)",
                (
                    (f"number{numbers[row['assistant_id']]}", row["text"])
                    for row in db["chunks"].find({}, fields)
                ),
            )

    def search(self, question: Question) -> None:
        words = content_words(question.text) or question.text.split()
        either = " OR ".join(f'"{word}"' for word in words)
        match = f"assistant : number{question.assistant} AND body : ({either})"
        self._connection.execute(
            "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT ?",
            (match, 2 * LIMIT),
        ).fetchall()

    def close(self) -> None:
        self._connection.close()


def brute_force(corpus: Corpus, asked: list[Question]) -> Times:
    """Time numpy's product with one assistant's vectors, and the ten greatest."""
    vectors = vectors_of(0, len(corpus.chunk_ids[0]), corpus.dimensions)

    def search(question: Question) -> None:
        alike = vectors @ np.frombuffer(question.embedding.vector, "<f4")
        best = np.argpartition(-alike, 2 * LIMIT)[: 2 * LIMIT]
        best[np.argsort(-alike[best])].tolist()

    return timed(search, asked)


def nearest_alone(
    index: SearchIndex, *, assistants: int, chunks: int, dimensions: int, count: int
) -> tuple[Times, Times]:
    """Time the search by meaning alone: assistants in no order, and always one."""
    asked: list[tuple[str, Embedding]] = []
    for number in range(assistants):
        vectors = vectors_of(number, chunks, dimensions)
        name = f"assistant {number}"
        index.add(name, "document:revision:", _chunks(name, vectors))
        asked.append((name, Embedding(MODEL, near(vectors[0], seed=number))))

    def search(each: tuple[str, Embedding]) -> None:
        index.nearest(each[0], each[1], limit=2 * LIMIT)

    draws = np.random.default_rng(7)
    for each in asked:
        search(each)
    mixed = timed(search, [asked[at] for at in draws.integers(0, assistants, count)])
    alone = timed(search, asked[-1:] * count)
    return mixed, alone


def _chunks(assistant_id: str, vectors: Matrix) -> list[Chunk]:
    return [
        Chunk(
            id=f"{assistant_id}-{position}",
            assistant_id=assistant_id,
            document_id="document",
            revision="revision",
            position=position,
            filename="handbook.pdf",
            heading=None,
            language="en",
            start=0,
            text="",
            embedding=Embedding(MODEL, vector.astype("<f4").tobytes()),
        )
        for position, vector in enumerate(vectors)
    ]
