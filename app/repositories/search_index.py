"""Search over chunks: by words, on SQLite's FTS5, and by meaning, on their vectors.

A term is stored with its assistant's number in front (``7:devolu``), so a question
reads the postings of its own assistant and no other, and how often a word occurs
there weighs it: strangers' documents change neither speed nor scores. FTS5 finds
the candidates; they are then scored here with the assistant's own figures.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

from app.errors import StorageFull, StoreUnavailable
from app.models.document import Chunk
from app.models.search import Embedding, Hit, Neighbour
from app.models.words import question_terms
from app.repositories import search_terms as statements
from app.repositories.search_file import SearchFile, is_damage
from app.repositories.search_vectors import VectorSearch

log = logging.getLogger(__name__)
T = TypeVar("T")

_PAUSE = 0.0001
"""Seconds after each chunk's words, which take a few times that: whoever computes
keeps the interpreter for 5 ms, and chats wait for it."""


class SearchIndex:
    """Which chunks of an assistant hold the words of a question.

    The file may be deleted at any time: it is made again, empty, and ``keys``
    tells what is missing. Raises StorageFull or StoreUnavailable when there can be
    no file.
    """

    def __init__(self, path: Path) -> None:
        self._file = SearchFile(path)
        self._vectors = VectorSearch()

    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None:
        """Make ``chunks`` findable in the place of what ``key`` had."""
        rows = []
        for chunk in chunks:
            rows.append(statements.row_of(chunk))
            time.sleep(_PAUSE)

        def write(connection: apsw.Connection) -> None:
            statements.delete(connection, assistant_id, [key])
            statements.insert(connection, assistant_id, key, rows)

        self._write(write)

    def remove(self, assistant_id: str, keys: Collection[str]) -> None:
        if keys:
            self._write(lambda found: statements.delete(found, assistant_id, keys))

    def keys(self, assistant_id: str) -> set[str]:
        return self._read(lambda found: statements.keys(found, assistant_id))

    def assistants(self) -> set[str]:
        """Return those that have documents in it."""
        return self._read(statements.assistants)

    def search(self, assistant_id: str, query: str, *, limit: int) -> list[Hit]:
        """Return up to ``limit`` hits for a question as typed, best first.

        ``score`` is BM25 over the assistant's own chunks.
        """
        asked = question_terms(query)
        if not asked or limit < 1:
            return []
        return self._read(
            lambda found: statements.search(found, assistant_id, asked, limit)
        )

    def nearest(
        self, assistant_id: str, asked: Embedding, *, limit: int
    ) -> list[Neighbour]:
        """Return up to ``limit`` chunks that mean something like it, best first."""
        return self._read(
            lambda found: self._vectors.nearest(found, assistant_id, asked, limit)
        )

    def close(self) -> None:
        self._file.close()

    def _read(self, read: Callable[[apsw.Connection], T]) -> T:
        def run() -> T:
            with self._file.connection() as connection:
                return read(connection)

        return self._mending(run)

    def _write(self, write: Callable[[apsw.Connection], None]) -> None:
        def run() -> None:
            with self._file.writing() as connection:
                write(connection)

        self._mending(run)

    def _mending(self, run: Callable[[], T]) -> T:
        """Run it on a file that is fit for use.

        Where that cannot be told it is opened anew first, as what was open may
        have lost its log, and started over where that does not help.
        """
        try:
            for mend in (self._file.close, self._file.start_over):
                try:
                    return run()
                except (apsw.FullError, apsw.BusyError):
                    raise
                except apsw.Error as exc:
                    log.warning("search index failed", exc_info=True)
                    if is_damage(exc):
                        self._file.start_over()
                    else:
                        mend()
            return run()
        except apsw.FullError as exc:
            raise StorageFull from exc
        except (apsw.Error, OSError) as exc:
            raise StoreUnavailable from exc
