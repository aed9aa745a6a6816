"""Rows and index entries, written together."""

from contextlib import closing
from typing import Any

import apsw
import bson
from bson import ObjectId
from bson.codec_options import CodecOptions

from . import catalog as catalogs
from .catalog import Table
from .errors import duplicate_key, write_error
from .indexing import Index
from .keys import encode
from .paths import MISSING, leaves, split
from .places import copied
from .transactions import Transaction

CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
_OWN_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=False)
_INVALID_ID = 53
Entries = list[tuple[Index, set[bytes]]]
Move = tuple[Index, set[bytes], set[bytes]]  # the keys before and after
_LARGEST = 16 * 1024 * 1024


def decode(raw: bytes) -> dict[str, Any]:
    return bson.decode(raw, CODEC)


def decode_for_us(raw: bytes) -> dict[str, Any]:
    """Decode what is not shown to the caller: its moments know no zone, and cost less.

    Without a zone a moment is UTC, for ``encode`` as for BSON.
    """
    return bson.decode(raw, _OWN_CODEC)


def encode_document(document: dict[str, Any]) -> bytes:
    raw = bson.encode(document, codec_options=CODEC)
    if len(raw) > _LARGEST:
        raise write_error(10334, f"BSONObj size: {len(raw)} is too large")
    return raw


def with_id(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of the document with its ``_id`` first, made when absent."""
    identity = document.get("_id", MISSING)
    if identity is MISSING:
        identity = ObjectId()
    elif isinstance(identity, (list, tuple)):
        raise write_error(_INVALID_ID, "The '_id' value cannot be of type array")
    copy: dict[str, Any] = copied(document)
    return {"_id": identity} | copy


def insert(
    transaction: Transaction, table: Table, document: dict[str, Any], raw: bytes
) -> Table:
    """Store a new document whose ``_id`` is set; nothing of it when it is refused.

    Returns the table as it is now: a first array changes an index.
    """
    connection = transaction.connection
    entries = [(index, *index.keys(document)) for index in table.indexes]
    try:
        connection.execute(table.insert_sql, (encode(document["_id"]), raw))
    except apsw.ConstraintError:
        raise _duplicate(table, table.by_id, document) from None
    if not entries:
        return table
    rid = connection.last_insert_rowid()
    changed = False
    for index, keys, multikey in entries:
        if multikey and not index.multikey:
            index = catalogs.mark_multikey(connection, index)  # noqa: PLW2901
            changed = True
        try:
            for key in keys:
                connection.execute(index.insert_sql, (key, rid))
        except apsw.ConstraintError:
            table = _reloaded(transaction, table) if changed else table
            delete_row(transaction, table, rid, document)
            raise _duplicate(table, index, document) from None
    return _reloaded(transaction, table) if changed else table


def entries_of(
    table: Table, document: dict[str, Any], roots: frozenset[str] | None
) -> Entries:
    """Return what the indexes on these fields hold of a document; None is all."""
    return [
        (index, index.keys(document)[0])
        for index in table.indexes
        if roots is None or not index.maker.roots.isdisjoint(roots)
    ]


def replace_row(  # noqa: PLR0917
    transaction: Transaction,
    table: Table,
    rid: int,
    document: dict[str, Any],
    raw: bytes,
    entries: Entries,
) -> Table:
    """Store the new state, or nothing of it when it is refused.

    ``entries`` are the old ones, of the indexes to look at.
    """
    connection = transaction.connection
    moves = [(index, before, *index.keys(document)) for index, before in entries]
    changed = False
    moved: list[Move] = []
    for index, before, after, multikey in moves:
        if multikey and not index.multikey:
            index = catalogs.mark_multikey(connection, index)  # noqa: PLW2901
            changed = True
        if before == after:
            continue
        moved.append((index, before, after))
        try:
            _move(connection, moved[-1], rid)
        except apsw.ConstraintError:
            _move_back(connection, moved, rid)
            if changed:
                transaction.reload()
            raise _duplicate(table, index, document) from None
    connection.execute(table.update_sql, (raw, rid))
    return _reloaded(transaction, table) if changed else table


def _move(connection: apsw.Connection, move: Move, rid: int) -> None:
    index, before, after = move
    gone, new = before - after, after - before
    if len(gone) == len(new) == 1:
        connection.execute(index.update_sql, (*new, *gone, rid))
        return
    for key in gone:
        connection.execute(index.delete_sql, (key, rid))
    for key in new:
        connection.execute(index.insert_sql, (key, rid))


def _move_back(connection: apsw.Connection, moved: list[Move], rid: int) -> None:
    """Undo moves, of which the last was not finished."""
    for index, before, after in moved:
        for key in after - before:
            connection.execute(index.delete_sql, (key, rid))
        for key in before - after:
            connection.execute(index.restore_sql, (key, rid))


def delete_row(
    transaction: Transaction, table: Table, rid: int, document: dict[str, Any]
) -> None:
    connection = transaction.connection
    connection.execute(table.delete_sql, (rid,))
    for index in table.indexes:
        for key in index.keys(document)[0]:
            connection.execute(index.delete_sql, (key, rid))


def build_index(transaction: Transaction, table: Table, index: Index) -> None:
    """Fill a new index from the documents there are."""
    connection = transaction.connection
    sql = f"SELECT rid, doc FROM {table.name} ORDER BY rid"  # noqa: S608
    with closing(connection.execute(sql)) as rows:
        for rid, raw in rows:
            document = decode_for_us(raw)
            keys, multikey = index.keys(document)
            if multikey and not index.multikey:
                break
            try:
                for key in keys:
                    connection.execute(index.insert_sql, (key, rid))
            except apsw.ConstraintError:
                raise _duplicate(table, index, document) from None
        else:
            return
    # An array: its table has another name, and is filled from the beginning.
    marked = catalogs.mark_multikey(connection, index)
    connection.execute(f"DELETE FROM {marked.table}")  # noqa: S608
    build_index(transaction, table, marked)


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
