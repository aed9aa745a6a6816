"""SQLite connections: how they are opened, and the ones kept for reading."""

import threading
import time

import apsw

_PAGE_CACHE_KIB = 8 * 1024
_STATEMENTS = 400
_KEPT = 8
_OPEN = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX


def connect(path: str) -> apsw.Connection:
    connection = apsw.Connection(path, flags=_OPEN, statementcachesize=_STATEMENTS)
    connection.set_busy_timeout(500)
    for pragma in (
        "journal_mode = WAL",
        # A commit reaches the disk through WalSync, shared by all who wait for it.
        "synchronous = NORMAL",
        "wal_autocheckpoint = 0",
        f"cache_size = -{_PAGE_CACHE_KIB}",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    return connection


class Readers:
    """Connections lent to one reader at a time.

    There are as many as reads at the same moment, not as many as threads: a
    thread that ends leaves nothing open.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[apsw.Connection] = []
        self._gate = threading.Lock()
        self._lent = 0
        self._generation = 0

    def take(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            with self._gate:
                connection = connect(self._path)
                self._lent += 1
                return connection

    def give_back(self, connection: apsw.Connection) -> None:
        self._idle.append(connection)
        if len(self._idle) > _KEPT:
            self._drop_one()

    def _drop_one(self) -> None:
        try:
            connection = self._idle.pop(0)
        except IndexError:
            return
        connection.close()
        with self._gate:
            self._lent -= 1

    def close_idle(self) -> None:
        """Close what nobody uses; the caller may hold the gate."""
        while self._idle:
            connection = self._idle.pop()
            connection.close()
            self._lent -= 1

    def close_all(self, patience: float) -> bool:
        """Close every connection, waiting for those lent; True when none is left.

        The gate stays shut (see ``open_gate``), so nobody opens a new one.
        """
        self._gate.acquire()
        deadline = time.monotonic() + patience
        while True:
            self.close_idle()
            if self._lent <= 0:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)

    def open_gate(self) -> None:
        self._gate.release()


def begin(writer: apsw.Connection, deadline: float) -> None:
    while True:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
        else:
            return
