"""Chunks near a question in meaning: every vector is compared, none is missed."""

import random
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from app.models.search import Embedding, Neighbour

if TYPE_CHECKING:
    import numpy as np

_MOST_BYTES = 160 * 1024 * 1024
_FLOAT = 4


def insert(
    connection: apsw.Connection,
    assistant: int,
    chunk: int,
    chunk_id: str,
    embedding: Embedding,
) -> None:
    connection.execute(
        "INSERT INTO vectors (chunk, assistant, id, model, vector)"
        " VALUES (?, ?, ?, ?, ?)",
        (chunk, assistant, chunk_id, embedding.model, embedding.vector),
    )
    _mark(connection, assistant)


def delete(connection: apsw.Connection, assistant: int, chunks: Sequence[int]) -> None:
    connection.executemany(
        "DELETE FROM vectors WHERE chunk = ?", [(chunk,) for chunk in chunks]
    )
    _mark(connection, assistant)


def _mark(connection: apsw.Connection, assistant: int) -> None:
    """Give the assistant's vectors another version; a file made anew repeats none."""
    connection.execute(
        "UPDATE assistants SET vectors = ? WHERE number = ?",
        (random.getrandbits(62), assistant),
    )


@dataclass(frozen=True, slots=True)
class _Matrix:
    version: int
    ids: list[str]
    rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]"


class VectorSearch:
    """Keeps the vectors of the assistants asked last in memory."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._room = most_bytes
        self._lock = threading.Lock()
        self._matrices: OrderedDict[tuple[str, str], _Matrix] = OrderedDict()

    def nearest(
        self,
        connection: apsw.Connection,
        assistant_id: str,
        asked: Embedding,
        limit: int,
    ) -> list[Neighbour]:
        """Return the chunks with the greatest cosine, greatest first."""
        import numpy as np  # noqa: PLC0415 - 25 MB, for those with embeddings

        matrix = self._matrix(connection, assistant_id, asked)
        if matrix is None:
            return []
        alike = matrix.rows @ np.frombuffer(asked.vector, "<f4")
        best = np.argpartition(-alike, min(limit, len(alike)) - 1)[:limit]
        found = [Neighbour(matrix.ids[at], float(alike[at])) for at in best]
        return sorted(found, key=lambda each: (-each.similarity, each.chunk_id))

    def _matrix(
        self, connection: apsw.Connection, assistant_id: str, asked: Embedding
    ) -> _Matrix | None:
        found = connection.execute(
            "SELECT number, vectors FROM assistants WHERE id = ?", (assistant_id,)
        ).fetchone()
        if found is None:
            return None
        number, version = found
        key = (assistant_id, asked.model)
        with self._lock:
            matrix = self._matrices.get(key)
            if matrix and matrix.version == version:
                self._matrices.move_to_end(key)
                return matrix if len(matrix.ids) else None
        matrix = _read(connection, number, version, asked)
        self._keep(key, matrix)
        return matrix if len(matrix.ids) else None

    def _keep(self, key: tuple[str, str], matrix: _Matrix) -> None:
        with self._lock:
            old = self._matrices.pop(key, None)
            self._room += (old.rows.nbytes if old else 0) - matrix.rows.nbytes
            self._matrices[key] = matrix
            while self._room < 0 and len(self._matrices) > 1:
                _, gone = self._matrices.popitem(last=False)
                self._room += gone.rows.nbytes


def _read(
    connection: apsw.Connection, number: int, version: int, asked: Embedding
) -> _Matrix:
    import numpy as np  # noqa: PLC0415

    rows = connection.execute(
        "SELECT id, vector FROM vectors WHERE assistant = ? AND model = ?"
        " AND length(vector) = ?",
        (number, asked.model, len(asked.vector)),
    ).fetchall()
    data = b"".join([vector for _, vector in rows])  # type: ignore[misc]
    matrix = np.frombuffer(data, "<f4").reshape(-1, len(asked.vector) // _FLOAT)
    return _Matrix(version, [str(chunk_id) for chunk_id, _ in rows], matrix)
