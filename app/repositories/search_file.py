"""The file of the search index: opened, shared, and made anew when it is unfit.

What it holds is derived, so whoever finds it deleted, damaged or of another format
starts it over, and the index is filled again from the store.
"""

import contextlib
import fcntl
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw

log = logging.getLogger(__name__)

FORMAT = 3
"""To be raised when the tables or the stemming change: old files start over."""

_PRIVATE = 0o600  # the index tells what documents say
_BUSY_MS = 10_000
_IDLE_CONNECTIONS = 4
_CACHE_KIB = 1024
_PAGE_BYTES = 16_384  # the vectors of a document are read in a fifth of the time

# The ascii tokenizer cuts at blanks and keeps all other alphabets whole: terms come
# folded and stemmed, and a term cut in two could pass for another assistant's.
_SCHEMA = """
CREATE TABLE assistants (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    chunks INTEGER NOT NULL DEFAULT 0, words INTEGER NOT NULL DEFAULT 0,
    vectors INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, assistant INTEGER NOT NULL, key TEXT NOT NULL,
    UNIQUE (assistant, key)
);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, document INTEGER NOT NULL, id TEXT NOT NULL,
    words INTEGER NOT NULL, terms TEXT NOT NULL
);
CREATE INDEX chunks_of_document ON chunks (document);
CREATE TABLE vectors (
    assistant INTEGER NOT NULL, document INTEGER NOT NULL, model TEXT NOT NULL,
    length INTEGER NOT NULL, chunks BLOB NOT NULL, vectors BLOB NOT NULL
);
CREATE INDEX vectors_of_assistant ON vectors (assistant, model, length);
CREATE INDEX vectors_of_document ON vectors (document);
CREATE VIRTUAL TABLE terms USING fts5 (
    body, content='', contentless_delete=1, tokenize=ascii
);
CREATE TABLE counts (
    assistant INTEGER NOT NULL, term TEXT NOT NULL, chunks INTEGER NOT NULL,
    PRIMARY KEY (assistant, term)
) WITHOUT ROWID;
"""


def is_damage(error: apsw.Error) -> bool:
    """Say whether an error means that the file is not, or no longer, an index."""
    if isinstance(error, apsw.SQLError):
        return "no such table" in str(error) or "no such column" in str(error)
    return isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.ReadOnlyError))


class SearchFile:
    """Connections to the index's file: one per thread that uses it right now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._writer = threading.Lock()
        self._idle: list[tuple[int, apsw.Connection]] = []

    @contextlib.contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """Lend a connection to the file that stands at the path now."""
        inode, connection = self._take()
        try:
            yield connection
        except BaseException:
            connection.close(True)
            raise
        with self._lock:
            if len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append((inode, connection))
                return
        connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Lend a connection inside a transaction; other writers wait."""
        with self._writer, self.connection() as connection, _transaction(connection):
            yield connection

    def start_over(self) -> None:
        """Replace the file by an empty one."""
        log.warning("search index started over")
        self.close()
        with self._alone():
            self._remove()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close(True)

    def _take(self) -> tuple[int, apsw.Connection]:
        inode = self._inode()
        while True:
            with self._lock:
                found = self._idle.pop() if self._idle else None
            if found is None:
                return self._open()
            if found[0] == inode:
                return found
            found[1].close(True)

    def _open(self) -> tuple[int, apsw.Connection]:
        while True:
            before = self._inode()
            if before is None:
                self._make()
                continue
            connection = connect(self._path)
            if self._inode() == before:
                return before, connection
            connection.close(True)

    def _make(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self._inode() is None:
                self._remove()
                self._path.touch(_PRIVATE)
                connect(self._path).close()

    def _inode(self) -> int | None:
        """Return None where there is no file, or an empty one.

        SQLite makes an empty file anew only when nobody has it open any more.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino if found.st_size else None

    def _remove(self) -> None:
        # Without its file a write-ahead log must not be found by the next one.
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from making or removing the file meanwhile."""
        lock = self._path.with_name(self._path.name + ".lock")
        lock.touch(_PRIVATE)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def connect(path: Path) -> apsw.Connection:
    """Open the file and give it our tables if it is empty.

    Raises apsw.NotADBError for a file of another format.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    # It is derived: losing the latest writes in a power cut costs a rebuild.
    for pragma in (
        f"page_size = {_PAGE_BYTES}",
        "journal_mode = wal",
        "synchronous = off",
        f"cache_size = -{_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if connection.pragma("user_version") != FORMAT:
        _prepare(connection)
    return connection


def _prepare(connection: apsw.Connection) -> None:
    with _transaction(connection):
        version = connection.pragma("user_version")
        if version == 0:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
    if version not in (0, FORMAT):
        connection.close(True)
        raise apsw.NotADBError("another format")


@contextlib.contextmanager
def _transaction(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already: its error is the one to be seen.
        with contextlib.suppress(apsw.Error):
            connection.execute("ROLLBACK")
        raise
