"""The store's file with its connections: opening, losing and finding it again."""

import os
import secrets
import threading
import time

import apsw

from . import catalog as catalogs
from .catalog import SCHEMA, Catalog
from .connections import Readers, begin, connect
from .durability import WalSync
from .errors import StoreUnavailable, StoreUnreadable, from_sqlite
from .storefile import LOCK_WAIT, FileLock, StoreFile

APPLICATION_ID = 0x4F525153
_OLDEST_SQLITE = (3, 51, 3)  # before, two writers and a checkpoint can lose a commit
_IDENTITY_SQL = "SELECT id FROM _store"


class OpenStore:
    """What one process has open of a store."""

    def __init__(self, path: str) -> None:
        if tuple(map(int, apsw.sqlite_lib_version().split("."))) < _OLDEST_SQLITE:
            raise StoreUnreadable("the SQLite of this apsw is too old for the store")
        self.path = os.path.abspath(path)  # noqa: PTH100
        self._file = StoreFile(self.path)
        self._file_lock = FileLock(f"{self.path}.lock")
        self._readers = Readers(self.path)
        self._wal = WalSync(self.path)
        self._lock = threading.Lock()
        self._writer: apsw.Connection | None = None
        self._wal_pages = 0
        self._suspect = False
        self._unusable: str | None = None
        self._paused = False
        self._clean = False
        self._identity = b""
        self._catalog = Catalog(-1, {})
        self._open()

    def close(self) -> None:
        with self._lock:
            self._unusable = "the store was closed"
            self._close_connections(patience=1.0)
            self._readers.open_gate()
            self._file_lock.close()

    def pause(self) -> None:
        """Close every connection before a fork and keep others from opening one."""
        self._paused = self._lock.acquire(timeout=LOCK_WAIT)
        self._clean = self._paused and self._close_connections(patience=1.0)
        self._wal.hold()
        self._file_lock.close()

    def resume(self, *, child: bool) -> None:
        """Go on after a fork; a child without a clean start refuses to work."""
        self._wal.let_go()
        if child and not self._clean:
            self._unusable = "the process was forked while the store was busy"
        if self._paused:
            self._readers.open_gate()
            self._lock.release()

    def _require_usable(self) -> None:
        if self._unusable:
            raise StoreUnavailable(self._unusable)

    def _ready(self) -> None:
        self._require_usable()
        if self._suspect:
            self._recover()

    def _recover_before_reading(self) -> None:
        if not self._lock.acquire(timeout=LOCK_WAIT):
            raise StoreUnavailable("too many writers are waiting for the store")
        try:
            self._ready()
        finally:
            self._lock.release()

    def _recover(self) -> None:
        """See whether the file is back: the one we know, or a copy of the store."""
        if self._file.replaced():
            self._adopt()
        self._suspect = False

    def _adopt(self) -> None:
        try:
            found = connect(self.path)
            try:
                identity = found.execute(_IDENTITY_SQL).get
            finally:
                found.close()
        except apsw.Error as error:
            raise StoreUnavailable(f"no store at its place: {error}") from error
        if identity != self._identity:
            raise StoreUnavailable(
                "another store stands at its place: restart to use it"
            )
        self._close_connections(patience=1.0)
        self._readers.open_gate()
        self._file.remember()
        self._catalog = Catalog(-1, {})

    def _check(self) -> None:
        try:
            self._file.check()
        except StoreUnavailable:
            self._suspect = True
            raise

    def _glance(self) -> None:
        try:
            self._file.glance()
        except StoreUnavailable:
            self._suspect = True
            raise

    def _translated(self, error: apsw.Error) -> Exception:
        # A lock that somebody else holds says nothing of the file: reading goes on.
        if not isinstance(error, (apsw.BusyError, apsw.LockedError)):
            self._suspect = True
        return from_sqlite(error, self.path)

    def _open(self) -> None:
        self._file.create()
        self._file_lock.acquire(time.monotonic() + LOCK_WAIT)
        try:
            writer = self._open_writer()
            self._identity = self._identify(writer)
            self._file.remember()
            self._catalog = catalogs.load(writer)
        except apsw.Error as error:
            self._close_connections(patience=0)
            raise StoreUnreadable(f"{self.path} cannot be opened: {error}") from error
        finally:
            self._file_lock.release()

    def _identify(self, writer: apsw.Connection) -> bytes:
        application = writer.execute("PRAGMA application_id").get
        if (
            application == 0
            and not writer.execute("SELECT count(*) FROM sqlite_schema").get
        ):
            begin(writer, time.monotonic() + LOCK_WAIT)
            writer.execute(SCHEMA).fetchall()
            writer.execute("INSERT INTO _store VALUES(?)", (secrets.token_bytes(16),))
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            writer.execute("COMMIT")
        elif application != APPLICATION_ID:
            raise StoreUnreadable(f"{self.path} belongs to another program")
        return bytes(writer.execute(_IDENTITY_SQL).get)

    def _open_writer(self) -> apsw.Connection:
        writer = connect(self.path)

        def note_pages(_: apsw.Connection, __: str, pages: int) -> int:
            self._wal_pages = pages
            return apsw.SQLITE_OK

        writer.set_wal_hook(note_pages)
        self._wal.open()
        self._writer = writer
        return writer

    def _close_connections(self, *, patience: float) -> bool:
        """Close all and keep the readers' gate shut; False when one is in use."""
        self._wal.close()  # first: the last connection removes the log
        clean = self._readers.close_all(patience)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        return clean
