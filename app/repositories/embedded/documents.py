"""Rows and index entries, written together."""

from contextlib import closing
from typing import Any

import apsw
import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128

from . import catalog as catalogs
from .catalog import Table
from .engine import Transaction
from .errors import duplicate_key, unsupported, write_error
from .indexing import Index
from .keys import encode
from .paths import MISSING, leaves, split

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
_DECIMAL = b"\x13"
_INVALID_ID = 53
_LARGEST = 16 * 1024 * 1024


def decode(raw: bytes) -> dict[str, Any]:
    return bson.decode(raw, CODEC)


def encode_document(document: dict[str, Any]) -> bytes:
    raw = bson.encode(document, codec_options=CODEC)
    if len(raw) > _LARGEST:
        raise write_error(10334, f"BSONObj size: {len(raw)} is too large")
    if _DECIMAL in raw and _has_decimal(document):
        raise unsupported("Decimal128")
    return raw


def _has_decimal(value: Any) -> bool:
    if isinstance(value, Decimal128):
        return True
    if isinstance(value, dict):
        return any(map(_has_decimal, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_decimal, value))


def with_id(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its ``_id`` first, made when absent."""
    identity = document.get("_id", MISSING)
    if identity is MISSING:
        identity = ObjectId()
    elif isinstance(identity, (list, tuple)):
        raise write_error(_INVALID_ID, "The '_id' value cannot be of type array")
    return {"_id": identity, **{k: v for k, v in document.items() if k != "_id"}}


def insert(
    transaction: Transaction, table: Table, document: dict[str, Any], raw: bytes
) -> Table:
    """Store a new document whose ``_id`` is set.

    Returns the table as it is now: a first array changes an index.
    """
    connection = transaction.connection
    try:
        connection.execute(
            f"INSERT INTO {table.name}(key, doc) VALUES(?, ?)",
            (encode(document["_id"]), raw),
        )
    except apsw.ConstraintError:
        raise _duplicate(table, table.by_id, document) from None
    if not table.indexes:
        return table
    rid = connection.last_insert_rowid()
    changed = False
    for index in table.indexes:
        keys, multikey = index.keys(document)
        if multikey and not index.multikey:
            index = catalogs.mark_multikey(connection, index)  # noqa: PLW2901
            changed = True
        _add(connection, table, index, keys, rid, document)
    return _reloaded(transaction, table) if changed else table


def replace_row(  # noqa: PLR0917
    transaction: Transaction,
    table: Table,
    rid: int,
    old_raw: bytes,
    raw: bytes,
    roots: frozenset[str] | None,
) -> Table:
    """Store the new state; ``roots`` are the only top-level fields that changed."""
    connection = transaction.connection
    connection.execute(f"UPDATE {table.name} SET doc = ? WHERE rid = ?", (raw, rid))  # noqa: S608
    affected = [
        index
        for index in table.indexes
        if roots is None or not index.maker.roots.isdisjoint(roots)
    ]
    if not affected:
        return table
    old, new = decode(old_raw), decode(raw)
    changed = False
    for index in affected:
        before, _ = index.keys(old)
        after, multikey = index.keys(new)
        if multikey and not index.multikey:
            index = catalogs.mark_multikey(connection, index)  # noqa: PLW2901
            changed = True
        if before != after:
            for key in before - after:
                connection.execute(index.delete_sql, (key, rid))
            _add(connection, table, index, after - before, rid, new)
    return _reloaded(transaction, table) if changed else table


def delete_row(
    transaction: Transaction, table: Table, rid: int, document: dict[str, Any]
) -> None:
    connection = transaction.connection
    connection.execute(f"DELETE FROM {table.name} WHERE rid = ?", (rid,))  # noqa: S608
    for index in table.indexes:
        for key in index.keys(document)[0]:
            connection.execute(index.delete_sql, (key, rid))


def build_index(transaction: Transaction, table: Table, index: Index) -> None:
    """Fill a new index from the documents there are."""
    connection = transaction.connection
    sql = f"SELECT rid, doc FROM {table.name} ORDER BY rid"  # noqa: S608
    with closing(connection.execute(sql)) as rows:
        for rid, raw in rows:
            document = decode(raw)
            keys, multikey = index.keys(document)
            if multikey and not index.multikey:
                break
            _add(connection, table, index, keys, rid, document)
        else:
            return
    # An array: its table has another name, and is filled from the beginning.
    marked = catalogs.mark_multikey(connection, index)
    connection.execute(f"DELETE FROM {marked.table}")  # noqa: S608
    build_index(transaction, table, marked)


def _add(  # noqa: PLR0917
    connection: apsw.Connection,
    table: Table,
    index: Index,
    keys: set[bytes],
    rid: int,
    document: dict[str, Any],
) -> None:
    try:
        for key in keys:
            connection.execute(index.insert_sql, (key, rid))
    except apsw.ConstraintError:
        raise _duplicate(table, index, document) from None


def _duplicate(table: Table, index: Index, document: dict[str, Any]) -> Exception:
    values = {}
    for name, _ in index.fields:
        found = leaves(document, split(name))
        value = found[0] if len(found) == 1 else found
        values[name] = None if value is MISSING else value
    return duplicate_key(table.namespace, index.name, dict(index.fields), values)


def _reloaded(transaction: Transaction, table: Table) -> Table:
    transaction.reload()
    for found in transaction.catalog.tables.values():
        if found.number == table.number:
            return found
    return table
