"""Chunks near a question in meaning: every vector is compared, none is missed."""

import array
import os
import secrets
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from app.models.search import Embedding, Neighbour

if TYPE_CHECKING:
    import numpy as np

# Before numpy is loaded: threads of its own would spin, and take the processor from
# those of the requests.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_MOST_BYTES = 160 * 1024 * 1024
_FLOAT = _NUMBER = 4


def insert(
    connection: apsw.Connection,
    assistant: int,
    document: int,
    embeddings: Iterable[tuple[int, Embedding]],
) -> None:
    """Keep the vectors of a document's chunks, given with their numbers.

    Those of a model lie together: to read them one by one takes ten times as long.
    """
    alike: dict[tuple[str, int], list[tuple[int, bytes]]] = defaultdict(list)
    for number, embedding in embeddings:
        key = (embedding.model, len(embedding.vector))
        alike[key].append((number, embedding.vector))
    connection.executemany(
        "INSERT INTO vectors (assistant, document, model, length, chunks, vectors)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                assistant,
                document,
                model,
                length,
                array.array("i", [number for number, _ in found]).tobytes(),
                b"".join(vector for _, vector in found),
            )
            for (model, length), found in alike.items()
        ],
    )
    if alike:
        _mark(connection, assistant)


def delete(connection: apsw.Connection, assistant: int, document: int) -> None:
    connection.execute("DELETE FROM vectors WHERE document = ?", (document,))
    _mark(connection, assistant)


def _mark(connection: apsw.Connection, assistant: int) -> None:
    """Give the assistant's vectors another version; a file made anew repeats none."""
    connection.execute(
        "UPDATE assistants SET vectors = ? WHERE number = ?",
        (secrets.randbits(62), assistant),
    )


@dataclass(frozen=True, slots=True)
class _Matrix:
    """The vectors of an assistant, a row each, and the numbers of their chunks."""

    version: int
    chunks: "np.ndarray[tuple[int], np.dtype[np.int32]]"
    rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]"

    @property
    def size(self) -> int:
        return self.chunks.nbytes + self.rows.nbytes


class VectorSearch:
    """Keeps the vectors of the assistants asked last in memory."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._room = most_bytes
        self._lock = threading.Lock()
        self._matrices: OrderedDict[tuple[str, str, int], _Matrix] = OrderedDict()

    def nearest(
        self,
        connection: apsw.Connection,
        assistant_id: str,
        asked: Embedding,
        limit: int,
    ) -> list[Neighbour]:
        """Return the chunks with the greatest cosine, greatest first."""
        import numpy as np  # noqa: PLC0415 - 25 MB, for those with embeddings

        with connection:  # one state of the file: numbers are used again
            matrix = self._matrix(connection, assistant_id, asked)
            if matrix is None or not len(matrix.chunks):
                return []
            alike = matrix.rows @ np.frombuffer(asked.vector, "<f4")
            best = np.argpartition(-alike, min(limit, len(alike)) - 1)[:limit]
            similar = {int(matrix.chunks[at]): float(alike[at]) for at in best}
            names = _names(connection, similar)
        found = [Neighbour(names[number], alike) for number, alike in similar.items()]
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
        key = (assistant_id, asked.model, len(asked.vector))
        with self._lock:
            matrix = self._matrices.get(key)
            if matrix and matrix.version == version:
                self._matrices.move_to_end(key)
                return matrix
        matrix = _read(connection, number, version, asked)
        self._keep(key, matrix)
        return matrix

    def _keep(self, key: tuple[str, str, int], matrix: _Matrix) -> None:
        with self._lock:
            old = self._matrices.pop(key, None)
            self._room += (old.size if old else 0) - matrix.size
            self._matrices[key] = matrix
            while self._room < 0 and len(self._matrices) > 1:
                _, gone = self._matrices.popitem(last=False)
                self._room += gone.size


def _read(
    connection: apsw.Connection, assistant: int, version: int, asked: Embedding
) -> _Matrix:
    import numpy as np  # noqa: PLC0415

    length = len(asked.vector)
    documents: list[tuple[int, bytes]] = connection.execute(
        "SELECT rowid, chunks FROM vectors"
        " WHERE assistant = ? AND model = ? AND length = ?",
        (assistant, asked.model, length),
    ).fetchall()  # type: ignore[assignment]
    chunks = b"".join([numbers for _, numbers in documents])
    rows = np.empty((len(chunks) // _NUMBER, length // _FLOAT), "<f4")
    into, at = rows.reshape(-1).view("u1").data, 0
    for rowid, _ in documents:
        with connection.blob_open("main", "vectors", "vectors", rowid, False) as blob:
            blob.read_into(into, at, blob.length())
            at += blob.length()
    return _Matrix(version, np.frombuffer(chunks, "i4"), rows)


def _names(connection: apsw.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Return the ids of chunks by their numbers, which are ours."""
    some = ", ".join(map(str, numbers))
    found = connection.execute(
        f"SELECT number, id FROM chunks WHERE number IN ({some})"  # noqa: S608
    )
    return dict(found.fetchall())  # type: ignore[arg-type]
