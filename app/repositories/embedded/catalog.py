"""Which collections and indexes there are: read from the file, never changed."""

from dataclasses import dataclass, field
from typing import Any

import apsw
import bson

from .indexing import Index, KeyMaker
from .plans import Plan, PlanKey

SCHEMA = """
CREATE TABLE _store(id BLOB NOT NULL);
CREATE TABLE _collections(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    database TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE(database, name)
);
CREATE TABLE _indexes(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    name TEXT NOT NULL,
    definition BLOB NOT NULL,
    UNIQUE(collection, name)
);
"""
Namespace = tuple[str, str]
ID_INDEX = "_id_"
_ID_FIELDS = (("_id", 1),)


@dataclass(frozen=True, slots=True)
class Table:
    """A collection: its table of documents and its indexes."""

    number: int
    namespace: str
    indexes: tuple[Index, ...]
    name: str = field(init=False)
    insert_sql: str = field(init=False)
    update_sql: str = field(init=False)
    delete_sql: str = field(init=False)
    by_id: Index = field(init=False)
    point_sql: dict[int, str] = field(init=False)  # by the index's number
    plans: dict[PlanKey, Plan] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        name = f"c{self.number}"
        object.__setattr__(self, "name", name)
        for statement, sql in (
            ("insert_sql", f"INSERT INTO {name}(key, doc) VALUES(?, ?)"),
            ("update_sql", f"UPDATE {name} SET doc = ? WHERE rid = ?"),  # noqa: S608
            ("delete_sql", f"DELETE FROM {name} WHERE rid = ?"),  # noqa: S608
        ):
            object.__setattr__(self, statement, sql)
        by_id = Index(0, ID_INDEX, KeyMaker(_ID_FIELDS), unique=True)
        object.__setattr__(self, "by_id", by_id)
        points = {0: "key = ?"}
        for index in self.indexes:
            # As a join, SQLite takes twice as long.
            points[index.number] = (
                f"rid = (SELECT rid FROM {index.table} WHERE key = ?)"  # noqa: S608
            )
        rows = f"SELECT rid, doc FROM {name} WHERE "  # noqa: S608
        point_sql = {number: rows + where for number, where in points.items()}
        object.__setattr__(self, "point_sql", point_sql)

    def index(self, name: str) -> Index | None:
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the file held at one version of its schema."""

    version: int
    tables: dict[Namespace, Table]


def version_of(connection: apsw.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").get)


def load(connection: apsw.Connection) -> Catalog:
    """Read the catalog; the caller holds a transaction."""
    indexes: dict[int, list[Index]] = {}
    for number, collection, name, definition in connection.execute(
        "SELECT number, collection, name, definition FROM _indexes ORDER BY number"
    ):
        index = _read_index(int(number), str(name), bson.decode(definition))
        indexes.setdefault(int(collection), []).append(index)
    tables = {
        (str(database), str(name)): Table(
            int(number), f"{database}.{name}", tuple(indexes.get(int(number), ()))
        )
        for number, database, name in connection.execute(
            "SELECT number, database, name FROM _collections ORDER BY number"
        )
    }
    return Catalog(version_of(connection), tables)


def create_table(connection: apsw.Connection, namespace: Namespace) -> None:
    connection.execute(
        "INSERT INTO _collections(database, name) VALUES(?, ?)", namespace
    )
    number = connection.last_insert_rowid()
    connection.execute(
        f"CREATE TABLE c{number}(rid INTEGER PRIMARY KEY,"
        " key BLOB NOT NULL UNIQUE, doc BLOB NOT NULL)"
    )
    _bump(connection)


def drop_table(connection: apsw.Connection, table: Table) -> None:
    for index in table.indexes:
        connection.execute(f"DROP TABLE {index.table}")
    connection.execute(f"DROP TABLE {table.name}")
    connection.execute("DELETE FROM _indexes WHERE collection = ?", (table.number,))
    connection.execute("DELETE FROM _collections WHERE number = ?", (table.number,))
    _bump(connection)


def create_index(
    connection: apsw.Connection, table: Table, name: str, definition: dict[str, Any]
) -> Index:
    connection.execute(
        "INSERT INTO _indexes(collection, name, definition) VALUES(?, ?, ?)",
        (table.number, name, bson.encode(definition)),
    )
    index = _read_index(connection.last_insert_rowid(), name, definition)
    columns = (
        "key BLOB PRIMARY KEY, rid INTEGER NOT NULL"
        if index.unique
        else "key BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)"
    )
    connection.execute(f"CREATE TABLE {index.table}({columns}) WITHOUT ROWID")
    _bump(connection)
    return index


def drop_index(connection: apsw.Connection, index: Index) -> None:
    connection.execute(f"DROP TABLE {index.table}")
    connection.execute("DELETE FROM _indexes WHERE number = ?", (index.number,))
    _bump(connection)


def mark_multikey(connection: apsw.Connection, index: Index) -> Index:
    """Note that an array came into the index; its table gets its other name."""
    row = connection.execute(
        "SELECT definition FROM _indexes WHERE number = ?", (index.number,)
    ).get
    definition = {**bson.decode(row), "multikey": True}
    connection.execute(
        "UPDATE _indexes SET definition = ? WHERE number = ?",
        (bson.encode(definition), index.number),
    )
    marked = _read_index(index.number, index.name, definition)
    connection.execute(f"ALTER TABLE {index.table} RENAME TO {marked.table}")
    _bump(connection)
    return marked


def _bump(connection: apsw.Connection) -> None:
    connection.execute(f"PRAGMA user_version = {version_of(connection) + 1}")


def _read_index(number: int, name: str, definition: dict[str, Any]) -> Index:
    return Index(
        number,
        name,
        KeyMaker(tuple((field, int(way)) for field, way in definition["key"])),
        unique=bool(definition.get("unique")),
        sparse=bool(definition.get("sparse")),
        expire_after=definition.get("expireAfterSeconds"),
        multikey=bool(definition.get("multikey")),
    )
