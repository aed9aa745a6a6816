"""Reading the documents a filter asks for, by the best way there is."""

import heapq
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, cast

import apsw

from .bounds import KeyRange, NotBounded, key_ranges
from .catalog import Table
from .documents import decode
from .filters import Clauses, clauses, compile_clauses
from .indexing import Fields, Index, KeyMaker
from .keys import HIGH
from .plans import Plan, make_plan, opaque, shape_of
from .predicates import Test

Row = tuple[bytes, int, bytes]  # key in the index, number of the row, document
Match = tuple[int, dict[str, Any], bytes]
Decode = Callable[[bytes], dict[str, Any]]

_PLANS_KEPT = 1000
_AS_IT_IS = nullcontext()


@dataclass(slots=True)
class Query:
    """A filter and an order, ready to run on one table."""

    table: Table
    plan: Plan
    ranges: list[KeyRange]
    test: Test | None
    order: Fields
    after: tuple[bytes, int] | None = None

    @property
    def resumable(self) -> bool:
        """Whether the place of one row is enough to go on from there."""
        index = self.plan.index
        if index is None:
            return self.plan.sorted
        return self.plan.sorted and len(self.ranges) == 1 and not index.multikey


def prepare(table: Table, condition: Mapping[str, Any], order: Fields = ()) -> Query:
    listed = clauses(condition)
    shape = shape_of(listed)
    while True:
        plan = table.plans.get((shape, order))
        if plan is None:
            if len(table.plans) > _PLANS_KEPT:
                table.plans.clear()
            plan = make_plan(table.indexes, table.by_id, shape, order)
            table.plans[shape, order] = plan
        try:
            ranges = key_ranges(plan, listed)
        except NotBounded as obstacle:
            shape = opaque(shape, obstacle.clause)
            continue
        test = _residual(plan, listed)
        return Query(table, plan, ranges, test, order)


def _residual(plan: Plan, listed: Clauses) -> Test | None:
    if not plan.residual:
        return None
    return compile_clauses([listed[number] for number in plan.residual])


def matches(
    connection: apsw.Connection,
    query: Query,
    *,
    limit: int = 0,
    decoded: Decode = decode,
) -> Iterator[Match]:
    """Yield what matches, in order; with a limit, read no more than needed."""
    found = _matches(connection, query, decoded)
    if query.plan.sorted:
        return islice(found, limit) if limit else found
    place = KeyMaker(query.order).sort_key

    def key(match: Match) -> bytes:
        return place(match[1])

    if limit:
        return iter(heapq.nsmallest(limit, found, key=key))
    return iter(sorted(found, key=key))


def first_match(
    connection: apsw.Connection, query: Query, decoded: Decode = decode
) -> Match | None:
    plan = query.plan
    if not plan.whole or len(query.ranges) != 1:
        found = list(matches(connection, query, limit=1, decoded=decoded))
        return found[0] if found else None
    sql = query.table.point_sql[cast("Index", plan.index).number]
    row = connection.execute(sql, query.ranges[0][:1]).get
    if row is None:
        return None
    rid, raw = row
    document = decoded(raw)
    if query.test is not None and not query.test(document):
        return None
    return rid, document, raw


def _matches(
    connection: apsw.Connection, query: Query, decoded: Decode
) -> Iterator[Match]:
    test = query.test
    with closing(rows(connection, query)) as found:
        for _, rid, raw in found:
            document = decoded(raw)
            if test is None or test(document):
                yield rid, document, raw


def read_piece(
    connection: apsw.Connection, query: Query, *, size: int, wanted: int
) -> tuple[list[dict[str, Any]], Query | None]:
    """Return the next documents, and the query for those after them."""
    if not query.resumable:
        with snapshot(connection, query):
            every = matches(connection, query, limit=wanted)
            return [document for _, document, _ in every], None
    size = min(wanted, size) if wanted else size
    test = query.test
    documents = []
    with closing(rows(connection, query)) as found:
        for key, rid, raw in found:
            document = decode(raw)
            if test is None or test(document):
                documents.append(document)
                if len(documents) == size:
                    return documents, replace(query, after=(key, rid))
    return documents, None


def snapshot(connection: apsw.Connection, query: Query) -> AbstractContextManager[None]:
    """Let the several reads of one query see the same moment."""
    if len(query.ranges) == 1 or connection.in_transaction:
        return _AS_IT_IS
    return _snapshot(connection)


@contextmanager
def _snapshot(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


class Rows(Protocol):
    """Rows being read; closing them ends the reading's snapshot.

    An error keeps the frames it came through alive, so nobody may leave the end to
    the garbage collector: a connection with an open reading sees the past.
    """

    def __iter__(self) -> Iterator[Row]: ...
    def close(self) -> None: ...


def rows(connection: apsw.Connection, query: Query) -> Rows:
    """Return candidate rows, each once, in the order of the plan."""
    index = query.plan.index
    if index is None:
        sql = f"SELECT x'', rid, doc FROM {query.table.name} WHERE rid > ? ORDER BY rid"  # noqa: S608
        after = query.after[1] if query.after else -1
        return _execute(connection, sql, (after,))
    reverse = query.plan.reverse
    ranges = query.ranges
    found: Rows
    if len(ranges) == 1 and query.after is None:
        found = _read(connection, query.table, index, ranges[0], reverse=reverse)
    elif query.after is not None:
        found = _read_on(connection, query, index, query.after)
    elif query.plan.merge:
        found = _merged(
            lambda bounds: _read(
                connection, query.table, index, bounds, reverse=reverse
            ),
            ranges,
            reverse=reverse,
        )
    else:
        found = (
            row
            for bounds in (ranges[::-1] if reverse else ranges)
            for row in _read(connection, query.table, index, bounds, reverse=reverse)
        )
    return _once(found) if index.multikey else found


def _read(
    connection: apsw.Connection,
    table: Table,
    index: Index,
    bounds: KeyRange,
    *,
    reverse: bool,
) -> Rows:
    way = " DESC" if reverse else ""
    sql = (
        f"{_source(table, index)} WHERE x.key >= ? AND x.key < ?"
        f" ORDER BY x.key{way}{_tie(index, way)}"
    )
    return _execute(connection, sql, bounds)


def _read_on(
    connection: apsw.Connection, query: Query, index: Index, after: tuple[bytes, int]
) -> Rows:
    """Read what comes after a row that was already seen."""
    low, high = query.ranges[0]
    place, marks = ("x.key", "?") if index.unique else ("(x.key, x.rid)", "(?, ?)")
    position = after[:1] if index.unique else after
    way, sign = (" DESC", "<") if query.plan.reverse else ("", ">")
    sql = (
        f"{_source(query.table, index)} WHERE x.key >= ? AND x.key < ?"
        f" AND {place} {sign} {marks} ORDER BY x.key{way}{_tie(index, way)}"
    )
    low, high = (low, after[0] + HIGH) if query.plan.reverse else (after[0], high)
    return _execute(connection, sql, (low, high, *position))


def _source(table: Table, index: Index) -> str:
    if index.number == 0:
        return f"SELECT x.key, x.rid, x.doc FROM {table.name} AS x"  # noqa: S608
    return (
        f"SELECT x.key, x.rid, d.doc FROM {index.table} AS x"  # noqa: S608
        f" CROSS JOIN {table.name} AS d ON d.rid = x.rid"
    )


def _tie(index: Index, way: str) -> str:
    return "" if index.unique else f", x.rid{way}"


def _execute(
    connection: apsw.Connection, sql: str, bindings: tuple[bytes | int, ...]
) -> Rows:
    return cast("Rows", connection.execute(sql, bindings))


def _merged(
    read: Callable[[KeyRange], Rows], ranges: list[KeyRange], *, reverse: bool
) -> Generator[Row, None, None]:
    """Join ranges that differ in their beginning by what follows it."""

    def tails(bounds: KeyRange) -> Iterator[tuple[bytes, Row]]:
        start = _common_length(bounds)
        return ((row[0][start:], row) for row in read(bounds))

    merged = heapq.merge(*map(tails, ranges), key=lambda pair: pair[0], reverse=reverse)
    return (row for _, row in merged)


def _common_length(bounds: KeyRange) -> int:
    low, high = bounds
    length = 0
    for one, other in zip(low, high, strict=False):
        if one != other:
            break
        length += 1
    return length


def _once(found: Rows) -> Generator[Row, None, None]:
    seen: set[int] = set()
    for row in found:
        if row[1] not in seen:
            seen.add(row[1])
            yield row
