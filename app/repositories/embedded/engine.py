"""Transactions on the store's file: many readers, one writer at a time."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import apsw

from . import catalog as catalogs
from .catalog import Catalog, Namespace, Table
from .connections import begin
from .errors import StoreUnavailable, from_os
from .openstore import OpenStore
from .storefile import LOCK_WAIT

T = TypeVar("T")

_CHECKPOINT_PAGES = 4000


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


class Engine(OpenStore):
    """Runs work in transactions, and what is durable to the disk."""

    def read(
        self, namespace: Namespace, work: Callable[[apsw.Connection, Table], T]
    ) -> T | None:
        """Run ``work`` on a snapshot; None when the collection does not exist."""
        if self._suspect or self._unusable:
            self._recover_before_reading()
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
            if isinstance(error, apsw.FullError):
                self._make_room()
            raise self._translated(error) from error
        finally:
            self._lock.release()
        if number:
            if durable:
                self._sync(number, deadline)
            if self._wal_pages > _CHECKPOINT_PAGES:
                self._checkpoint()
        return result

    def sync(self) -> None:
        """Make sure of all that was committed before."""
        self._sync(self._wal.committed, time.monotonic() + LOCK_WAIT)

    def namespaces(self) -> list[Namespace]:
        """Return what collections there are, whoever made them."""
        self.read(("", ""), lambda _, __: None)
        return list(self._catalog.tables)

    def ping(self) -> None:
        self.read(("", ""), lambda _, __: None)
        self._check()

    def backup(self, path: str) -> None:
        connection = self._readers.take()
        try:
            connection.execute("VACUUM INTO ?", (path,))
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            self._readers.give_back(connection)

    def _transact(
        self, writer: apsw.Connection, work: Callable[[Transaction], T], deadline: float
    ) -> tuple[T, int]:
        if self._wal.failed:
            self._mend(writer)
        begin(writer, deadline)
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

    def _sync(self, number: int, deadline: float) -> None:
        patience = max(deadline - time.monotonic(), 0.4)
        try:
            self._wal.wait_for(number, patience)
        except OSError as error:
            raise from_os(error, self.path) from error

    def _mend(self, writer: apsw.Connection) -> None:
        """After a failed sync: write the log back and begin it anew."""
        writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._wal.mend()

    def _make_room(self) -> None:
        """On a full disk, give back what the log takes, as far as that goes."""
        with contextlib.suppress(apsw.Error):
            if self._writer is not None:
                self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

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
