"""Documents past their time, as TTL indexes tell it."""

from datetime import UTC, datetime, timedelta

import apsw

from .catalog import Namespace, Table
from .changes import delete
from .engine import Engine
from .indexing import Index
from .scanning import matches, prepare
from .transactions import Transaction

_AT_ONCE = 500


def sweep(engine: Engine) -> int:
    """Remove what has expired, a few hundred documents per transaction."""
    removed = 0
    for namespace in engine.namespaces():
        indexes = engine.read(namespace, _ttl_indexes) or []
        for index in indexes:
            while removed_now := _sweep_some(engine, namespace, index):
                removed += removed_now
                if removed_now < _AT_ONCE:
                    break
    return removed


def _ttl_indexes(_: apsw.Connection, table: Table) -> list[Index]:
    return [index for index in table.indexes if index.expire_after is not None]


def _sweep_some(engine: Engine, namespace: Namespace, index: Index) -> int:
    age = timedelta(seconds=index.expire_after or 0)
    condition = {index.fields[0][0]: {"$lt": datetime.now(UTC) - age}}

    def expired(connection: apsw.Connection, table: Table) -> list[object]:
        found = matches(connection, prepare(table, condition), limit=_AT_ONCE)
        return [document["_id"] for _, document, _ in found]

    identities = engine.read(namespace, expired)
    if not identities:
        return 0

    def remove(transaction: Transaction) -> int:
        # The condition again: a document may have been renewed meanwhile.
        both = {"_id": {"$in": identities}, **condition}
        return delete(transaction, namespace, both, many=True).matched

    return engine.write(remove, durable=False)
