"""The answers of a find, fetched when they are asked for."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from pymongo.errors import InvalidOperation

from .indexing import Fields, parse_fields
from .projection import Projection

Document = dict[str, Any]
Fetch = Callable[["Cursor"], Iterator[Document]]


class Cursor:
    """A find being put together; iterating runs it, in pieces when it is long."""

    def __init__(
        self,
        fetch: Fetch,
        explain: Callable[["Cursor"], Document],
        *,
        projection: Projection | None,
    ) -> None:
        self._fetch = fetch
        self._explain = explain
        self._found: Iterator[Document] | None = None
        self.project = projection
        self.order: Fields = ()
        self.skipped = 0
        self.limited = 0

    def sort(self, key_or_list: Any, direction: int | None = None) -> Self:
        self._not_started()
        if direction is not None:
            key_or_list = [(key_or_list, direction)]
        self.order = parse_fields(key_or_list)
        return self

    def skip(self, skip: int) -> Self:
        self._not_started()
        if skip < 0:
            raise ValueError("skip must be >= 0")
        self.skipped = skip
        return self

    def limit(self, limit: int) -> Self:
        self._not_started()
        self.limited = abs(limit)
        return self

    def batch_size(self, batch_size: int) -> Self:  # noqa: ARG002 - no batches here
        return self

    def max_time_ms(self, max_time_ms: int | None) -> Self:  # noqa: ARG002 - local
        return self

    def explain(self) -> Document:
        """Tell which index serves the find and what is left to do."""
        return self._explain(self)

    def to_list(self, length: int | None = None) -> list[Document]:
        found: list[Document] = []
        for document in self:
            found.append(document)
            if len(found) == length:
                break
        return found

    def rewind(self) -> Self:
        self._found = None
        return self

    def close(self) -> None:
        self._found = iter(())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Document:
        if self._found is None:
            self._found = self._fetch(self)
        return next(self._found)

    next = __next__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _not_started(self) -> None:
        if self._found is not None:
            raise InvalidOperation("cannot set options after executing query")
