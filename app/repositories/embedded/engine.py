"""Transactions on the store's file: many readers, one writer at a time."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import apsw
from pymongo.errors import InvalidOperation

from . import catalog as catalogs
from .catalog import Namespace, Table
from .connections import begin
from .errors import StoreUnavailable, from_os
from .openstore import OpenStore
from .storefile import LOCK_WAIT, LONGEST_WAIT
from .transactions import Transaction

T = TypeVar("T")

_CHECKPOINT_PAGES = 4000


class _Ongoing(threading.local):
    """The transaction that a thread keeps open over several writes."""

    transaction: Transaction | None = None


class Engine(OpenStore):
    """Runs work in transactions, and what is durable to the disk."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._ongoing = _Ongoing()

    def read(
        self, namespace: Namespace, work: Callable[[apsw.Connection, Table], T]
    ) -> T | None:
        """Run ``work`` on a snapshot; None when the collection does not exist.

        Between the writes of ``together`` it sees what they have written.
        """
        ongoing = self._ongoing.transaction
        if ongoing is not None:
            return self._read_between(ongoing, namespace, work)
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
        ongoing = self._ongoing.transaction
        if ongoing is not None:
            return self._write_between(ongoing, work, durable=durable)
        with self._transaction() as transaction:
            result = work(transaction)
            transaction.durable = durable
        return result

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of all that this thread writes in the block.

        Others wait meanwhile. A write that fails is undone alone, as ever; an error
        that leaves the block undoes all of it. With a durable write among them, the
        end of the block waits for the disk, once.
        """
        if self._ongoing.transaction is not None:
            raise InvalidOperation("writes are together already")
        with self._transaction() as transaction:
            self._ongoing.transaction = transaction
            try:
                yield
                transaction.require_whole()
            finally:
                self._ongoing.transaction = None

    def sync(self) -> None:
        """Make sure of all that was committed before."""
        ongoing = self._ongoing.transaction
        if ongoing is not None:
            ongoing.durable = True
            return
        self._sync(self._wal.committed, time.monotonic() + LOCK_WAIT)

    def namespaces(self) -> list[Namespace]:
        """Return what collections there are, whoever made them."""
        self.read(("", ""), lambda _, __: None)
        ongoing = self._ongoing.transaction
        return list((ongoing.catalog if ongoing else self._catalog).tables)

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

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        """Hold the only right to write, from begin to commit, and sync after it."""
        deadline = self._wait_for_turn()
        try:
            self._ready()
            writer = self._writer or self._open_writer()
            self._file_lock.acquire(deadline)
            try:
                transaction = self._begin(writer, deadline)
                try:
                    yield transaction
                    self._commit(transaction)
                except BaseException:
                    self._undo(writer)
                    raise
            finally:
                self._file_lock.release()
            number = self._wal.committed
        except apsw.Error as error:
            if isinstance(error, apsw.FullError):
                self._make_room()
            raise self._translated(error) from error
        finally:
            self._lock.release()
        if transaction.durable:
            self._sync(number, deadline)
        if self._wal_pages > _CHECKPOINT_PAGES:
            self._checkpoint()

    def _wait_for_turn(self) -> float:
        """Wait for this process's writers; the time until which to wait for others'.

        A store where nothing is written for 2.5 s is stuck; a busy one is not.
        """
        began = time.monotonic()
        last = began + LONGEST_WAIT
        committed, deadline = self._wal.committed, began + LOCK_WAIT
        while not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            if self._wal.committed == committed or deadline == last:
                raise StoreUnavailable("too many writers are waiting for the store")
            committed = self._wal.committed
            deadline = min(time.monotonic() + LOCK_WAIT, last)
        if self._wal.committed == committed:
            return deadline
        return time.monotonic() + LOCK_WAIT

    def _begin(self, writer: apsw.Connection, deadline: float) -> Transaction:
        if self._wal.failed:
            self._mend(writer)
        begin(writer, deadline)
        try:
            if catalogs.version_of(writer) != self._catalog.version:
                self._catalog = catalogs.load(writer)
        except BaseException:
            self._undo(writer)
            raise
        return Transaction(writer, self._catalog)

    def _commit(self, transaction: Transaction) -> None:
        self._require_usable()  # not so in a child forked in the middle
        changed = transaction.changed() or transaction.catalog is not self._catalog
        transaction.connection.execute("COMMIT")
        self._catalog = transaction.catalog
        if changed:
            self._wal.committed += 1
            self._check()

    def _undo(self, writer: apsw.Connection) -> None:
        if not self._unusable and writer.in_transaction:
            writer.execute("ROLLBACK")

    def _read_between(
        self,
        ongoing: Transaction,
        namespace: Namespace,
        work: Callable[[apsw.Connection, Table], T],
    ) -> T | None:
        ongoing.require_whole()
        self._require_usable()
        table = ongoing.table(namespace)
        try:
            return None if table is None else work(ongoing.connection, table)
        except apsw.Error as error:
            raise self._translated(error) from error

    def _write_between(
        self, ongoing: Transaction, work: Callable[[Transaction], T], *, durable: bool
    ) -> T:
        self._require_usable()
        try:
            result = ongoing.run(work)
        except apsw.Error as error:
            raise self._translated(error) from error
        ongoing.durable = ongoing.durable or durable
        return result

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
