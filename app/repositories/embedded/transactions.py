"""What a writer works with between begin and commit."""

from collections.abc import Callable
from typing import TypeVar

import apsw

from . import catalog as catalogs
from .catalog import Catalog, Namespace, Table
from .errors import StoreUnavailable

T = TypeVar("T")


class Transaction:
    """One writer's; ``durable`` once something in it has to reach the disk."""

    __slots__ = ("_before", "_broken", "catalog", "connection", "durable")

    def __init__(self, connection: apsw.Connection, catalog: Catalog) -> None:
        self.connection = connection
        self.catalog = catalog
        self.durable = False
        self._broken = False
        self._before = connection.total_changes()

    def table(self, namespace: Namespace) -> Table | None:
        return self.catalog.tables.get(namespace)

    def table_or_new(self, namespace: Namespace) -> Table:
        table = self.catalog.tables.get(namespace)
        if table is None:
            catalogs.create_table(self.connection, namespace)
            self.reload()
            table = self.catalog.tables[namespace]
        return table

    def changed(self) -> bool:
        """Tell whether a row changed; what tables there are, ``catalog`` tells."""
        return self.connection.total_changes() != self._before

    def reload(self) -> None:
        self.catalog = catalogs.load(self.connection)

    def run(self, work: Callable[["Transaction"], T]) -> T:
        """Run one of several writes; they are lost together when SQLite fails."""
        if self._broken:
            raise StoreUnavailable("an earlier write of the same transaction failed")
        try:
            return work(self)
        except apsw.Error:
            # SQLite may have undone all of it by itself.
            self._broken = True
            raise

    def as_one(self, work: Callable[[], T]) -> T:
        """Run what writes several rows: all of it is undone when it is refused."""
        connection, catalog = self.connection, self.catalog
        connection.execute("SAVEPOINT part")
        try:
            result = work()
        except apsw.Error:
            raise
        except BaseException:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
            self.catalog = catalog
            raise
        connection.execute("RELEASE part")
        return result

    def require_whole(self) -> None:
        self.run(lambda _: None)
