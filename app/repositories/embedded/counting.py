"""What can be told of a query without its documents."""

from typing import Any

import apsw

from .scanning import Query, matches


def count(connection: apsw.Connection, query: Query, limit: int = 0) -> int:
    """Count what matches, from the index alone when it knows all the answers."""
    index = query.plan.index
    if query.test is not None or (index is not None and index.multikey):
        found = matches(connection, query, limit=limit)
        return sum(1 for _ in found)
    if index is None:
        total = connection.execute(
            f"SELECT count(*) FROM {query.table.name}"  # noqa: S608
        ).get
        return min(int(total), limit) if limit else int(total)
    source = query.table.name if index.number == 0 else index.table
    sql = (
        "SELECT count(*) FROM (SELECT 1"  # noqa: S608
        f" FROM {source} WHERE key >= ? AND key < ? LIMIT ?)"
    )
    counted = 0
    for low, high in query.ranges:
        left = limit - counted if limit else -1
        counted += int(connection.execute(sql, (low, high, left)).get)
        if limit and counted >= limit:
            break
    return counted


def explained(query: Query) -> dict[str, Any]:
    """Describe a query as MongoDB's explain does, in short."""
    plan = query.plan
    if plan.index is None:
        return {"stage": "COLLSCAN", "sortInMemory": not plan.sorted}
    return {
        "stage": "IXSCAN",
        "indexName": plan.index.name,
        "keyPattern": dict(plan.index.fields),
        "isMultiKey": plan.index.multikey,
        "ranges": len(query.ranges),
        "sortInMemory": not plan.sorted,
        "filterLeft": query.test is not None,
    }
