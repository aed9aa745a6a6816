"""The reading half of a collection."""

from collections.abc import Iterator, Mapping
from typing import Any

import apsw
from pymongo.errors import OperationFailure

from .catalog import Namespace, Table
from .counting import count, explained
from .cursor import Cursor, Document
from .engine import Engine
from .errors import refuse_options
from .indexing import parse_fields
from .keys import encode
from .paths import MISSING, leaves, split
from .pipeline import run_pipeline
from .projection import compile_projection
from .scanning import Query, first_match, matches, prepare, read_piece, snapshot

# A find longer than this goes on from where it was, in a new snapshot.
_FIRST_PIECE, _PIECE = 101, 1000
_HARMLESS = ("max_time_ms", "maxTimeMS", "no_cursor_timeout", "comment")


class Reads:
    """Finding, counting and aggregating; nothing here takes a lock."""

    _engine: Engine
    _namespace: Namespace

    def find_one(
        self,
        filter: Any = None,  # noqa: A002
        projection: Any = None,
        skip: int = 0,
        sort: Any = None,
        **options: Any,
    ) -> Document | None:
        """Return the first match; ``filter`` may be the bare ``_id``, as in pymongo."""
        _refuse(options)
        condition = condition_of(filter, bare_id=True)
        order = parse_fields(sort) if sort else ()

        def first(connection: apsw.Connection, table: Table) -> Document | None:
            query = prepare(table, condition, order)
            with snapshot(connection, query):
                if skip:
                    found = list(matches(connection, query, limit=skip + 1))
                    match = found[skip] if len(found) > skip else None
                else:
                    match = first_match(connection, query)
            return match[1] if match else None

        document = self._engine.read(self._namespace, first)
        project = compile_projection(projection)
        return project(document) if document is not None and project else document

    def find(  # noqa: PLR0917 - pymongo's order of arguments
        self,
        filter: Any = None,  # noqa: A002
        projection: Any = None,
        skip: int = 0,
        limit: int = 0,
        sort: Any = None,
        batch_size: int = 0,  # noqa: ARG002
        **options: Any,
    ) -> Cursor:
        _refuse(options)
        condition = condition_of(filter)

        def fetch(cursor: Cursor) -> Iterator[Document]:
            return self._fetch(cursor, condition)

        def explain(cursor: Cursor) -> Document:
            return self._explain(cursor, condition)

        cursor = Cursor(fetch, explain, projection=compile_projection(projection))
        if sort:
            cursor.sort(sort)
        return cursor.skip(skip).limit(limit)

    def count_documents(self, filter: Any, **options: Any) -> int:  # noqa: A002
        limit = int(options.pop("limit", 0))
        skip = int(options.pop("skip", 0))
        _refuse(options)
        condition = condition_of(filter)

        def total(connection: apsw.Connection, table: Table) -> int:
            query = prepare(table, condition)
            with snapshot(connection, query):
                return count(connection, query, limit + skip if limit else 0)

        found: int = self._engine.read(self._namespace, total) or 0
        return max(found - skip, 0)

    def estimated_document_count(self, **options: Any) -> int:
        _refuse(options)
        return self.count_documents({})

    def distinct(self, key: str, filter: Any = None, **options: Any) -> list[Any]:  # noqa: A002
        _refuse(options)
        path = split(key)
        found: dict[bytes, Any] = {}
        for document in self.find(filter):
            for value in leaves(document, path):
                for each in value if isinstance(value, list) else [value]:
                    if each is not MISSING:
                        found.setdefault(encode(each), each)
        return [found[order] for order in sorted(found)]

    def aggregate(self, pipeline: Any, **options: Any) -> Cursor:
        for harmless in ("allowDiskUse", "batchSize", "maxTimeMS"):
            options.pop(harmless, None)
        _refuse(options)
        stages = list(pipeline)
        return Cursor(
            lambda _: run_pipeline(stages, self.find),
            lambda _: {"stages": [next(iter(stage)) for stage in stages]},
            projection=None,
        )

    def _fetch(
        self, cursor: Cursor, condition: Mapping[str, Any]
    ) -> Iterator[Document]:
        project = cursor.project
        skip = cursor.skipped
        wanted = skip + cursor.limited if cursor.limited else 0
        size = _FIRST_PIECE
        rest: Query | None = None
        while True:
            piece, rest = self._piece(cursor, condition, rest, size, wanted)
            for document in piece[skip:]:
                yield project(document) if project else document
            skip = max(skip - len(piece), 0)
            wanted -= len(piece)
            if rest is None or (cursor.limited and wanted <= 0):
                return
            size = _PIECE

    def _piece(
        self,
        cursor: Cursor,
        condition: Mapping[str, Any],
        rest: Query | None,
        size: int,
        wanted: int,
    ) -> tuple[list[Document], Query | None]:
        def read(
            connection: apsw.Connection, table: Table
        ) -> tuple[list[Document], Query | None]:
            query = rest or prepare(table, condition, cursor.order)
            try:
                return read_piece(connection, query, size=size, wanted=wanted)
            except apsw.SQLError:
                if rest is None:
                    raise
                raise OperationFailure(
                    "the index changed while its documents were read", 175
                ) from None

        return self._engine.read(self._namespace, read) or ([], None)

    def _explain(self, cursor: Cursor, condition: Mapping[str, Any]) -> Document:
        def plan(_: apsw.Connection, table: Table) -> Document:
            return explained(prepare(table, condition, cursor.order))

        found = self._engine.read(self._namespace, plan)
        return {"queryPlanner": {"winningPlan": found or {"stage": "EOF"}}}


def condition_of(condition: Any, *, bare_id: bool = False) -> Mapping[str, Any]:
    if condition is None:
        return {}
    if type(condition) is dict or isinstance(condition, Mapping):
        return condition
    if bare_id:
        return {"_id": condition}
    raise TypeError("filter must be an instance of dict")


def _refuse(options: dict[str, Any]) -> None:
    for harmless in _HARMLESS:
        options.pop(harmless, None)
    refuse_options(options)
