"""Transactions on the store's file: many readers, one writer at a time."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import apsw

from . import catalog as catalogs
from .catalog import SCHEMA, Catalog, Namespace, Table
from .connections import Readers, connect
from .durability import WalSync
from .errors import StoreUnavailable, StoreUnreadable, from_os, from_sqlite
from .storefile import LOCK_WAIT, FileLock, StoreFile

T = TypeVar("T")

APPLICATION_ID = 0x4F525153
_CHECKPOINT_PAGES = 4000
_OLDEST_SQLITE = (3, 51, 3)  # before, two writers and a checkpoint can lose a commit
_IDENTITY_SQL = "SELECT id FROM _store"


class Transaction:
    """What a writer works with between begin and commit."""

    __slots__ = ("catalog", "connection")

    def __init__(self, connection: apsw.Connection, catalog: Catalog) -> None:
        self.connection = connection
        self.catalog = catalog

    def table(self, namespace: Namespace) -> Table | None:
        return self.catalog.tables.get(namespace)

    def table_or_new(self, namespace: Namespace) -> Table:
        table = self.catalog.tables.get(namespace)
        if table is None:
            catalogs.create_table(self.connection, namespace)
            self.reload()
            table = self.catalog.tables[namespace]
        return table

    def reload(self) -> None:
        self.catalog = catalogs.load(self.connection)


class Engine:
    """One open store in this process."""

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

    def read(
        self, namespace: Namespace, work: Callable[[apsw.Connection, Table], T]
    ) -> T | None:
        """Run ``work`` on a snapshot; None when the collection does not exist."""
        self._ready()
        readers = self._readers
        try:
            connection = readers.take()
        except apsw.Error as error:
            raise self._translated(error) from error
        try:
            table = self._catalog.tables.get(namespace)
            if table is None:
                table = self._look_again(connection, namespace)
                if table is None:
                    return None
            try:
                return work(connection, table)
            except apsw.SQLError:
                # Another process changed the indexes, or the collection is gone.
                table = self._look_again(connection, namespace)
                return None if table is None else work(connection, table)
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            readers.give_back(connection)
            self._glance()

    def write(self, work: Callable[[Transaction], T], *, durable: bool) -> T:
        """Run ``work`` alone in a transaction; return when it is safe on disk.

        ``durable`` False returns at the commit: it survives the end of the
        process, and a power cut once a later durable write has returned.
        """
        deadline = time.monotonic() + LOCK_WAIT
        if not self._lock.acquire(timeout=LOCK_WAIT):
            raise StoreUnavailable("too many writers are waiting for the store")
        try:
            self._ready()
            writer = self._writer or self._open_writer()
            self._file_lock.acquire(deadline)
            try:
                result, number = self._transact(writer, work, deadline)
            finally:
                self._file_lock.release()
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            self._lock.release()
        if number:
            if durable:
                self._sync(number)
            if self._wal_pages > _CHECKPOINT_PAGES:
                self._checkpoint()
        return result

    def sync(self) -> None:
        """Make sure of all that was committed before."""
        self._sync(self._wal.committed)

    def namespaces(self) -> list[Namespace]:
        """Return what collections there are, whoever made them."""
        self.read(("", ""), lambda _, __: None)
        return list(self._catalog.tables)

    def ping(self) -> None:
        self.read(("", ""), lambda _, __: None)
        self._check()

    def backup(self, path: str) -> None:
        self._ready()
        connection = self._readers.take()
        try:
            connection.execute("VACUUM INTO ?", (path,))
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            self._readers.give_back(connection)

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
        self._file_lock.close()

    def resume(self, *, child: bool) -> None:
        """Go on after a fork; a child without a clean start refuses to work."""
        if not self._paused:
            if child:
                self._unusable = "the process was forked while the store was busy"
            return
        if child and not self._clean:
            self._unusable = "the process was forked while the store was busy"
        self._readers.open_gate()
        self._lock.release()

    def _transact(
        self, writer: apsw.Connection, work: Callable[[Transaction], T], deadline: float
    ) -> tuple[T, int]:
        if self._wal.failed:
            self._mend(writer)
        _begin(writer, deadline)
        try:
            before = writer.total_changes()
            if catalogs.version_of(writer) != self._catalog.version:
                self._catalog = catalogs.load(writer)
            transaction = Transaction(writer, self._catalog)
            result = work(transaction)
            changed = (
                writer.total_changes() != before
                or transaction.catalog is not self._catalog
            )
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise
        self._catalog = transaction.catalog
        if not changed:
            return result, 0
        self._wal.committed += 1
        number = self._wal.committed
        self._check()
        return result, number

    def _sync(self, number: int) -> None:
        try:
            self._wal.wait_for(number, LOCK_WAIT)
        except OSError as error:
            raise from_os(error, self.path) from error

    def _mend(self, writer: apsw.Connection) -> None:
        """After a failed sync: write the log back and begin it anew."""
        writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._wal.mend()

    def _checkpoint(self) -> None:
        """Copy the log into the file: most of it while others write."""
        self._wal_pages = 0
        try:
            helper = self._readers.take()
            try:
                helper.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            finally:
                self._readers.give_back(helper)
            with self._lock:
                self._file_lock.acquire(time.monotonic() + LOCK_WAIT)
                try:
                    if self._writer is not None:
                        self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                finally:
                    self._file_lock.release()
        except (apsw.Error, StoreUnavailable):
            return  # nothing is lost: the log keeps it, and the next one tries again

    def _look_again(
        self, connection: apsw.Connection, namespace: Namespace
    ) -> Table | None:
        connection.execute("BEGIN")
        try:
            if catalogs.version_of(connection) != self._catalog.version:
                self._catalog = catalogs.load(connection)
        finally:
            connection.execute("COMMIT")
        return self._catalog.tables.get(namespace)

    def _ready(self) -> None:
        if self._unusable:
            raise StoreUnavailable(self._unusable)
        if self._suspect:
            self._recover()

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
        self._suspect = True
        return from_sqlite(error, self.path)

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
            _begin(writer, time.monotonic() + LOCK_WAIT)
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
        clean = self._readers.close_all(patience)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._wal.close()
        return clean


def _begin(writer: apsw.Connection, deadline: float) -> None:
    while True:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
        else:
            return
