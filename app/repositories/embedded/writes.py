"""The writing half of a collection."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError, InvalidOperation
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

from .bulk import inserts, prepare_operation, run_bulk
from .catalog import Namespace
from .changes import Change, Changed, change, delete, replacement_of
from .cursor import Document
from .documents import decode, encode_document, insert, with_id
from .engine import Engine
from .errors import refuse_options
from .indexing import parse_fields
from .projection import compile_projection
from .reads import condition_of
from .transactions import Transaction
from .updates import parse_update

T = TypeVar("T")


class Writes:
    """Each method is one transaction; a durable one has reached the disk."""

    _engine: Engine
    _namespace: Namespace
    _durable: bool

    def insert_one(self, document: Any, **options: Any) -> InsertOneResult:
        refuse_options(options)
        if not isinstance(document, dict):
            raise TypeError("document must be an instance of dict")
        if "_id" not in document:
            document["_id"] = ObjectId()
        stored = with_id(document)
        raw = encode_document(stored)
        namespace = self._namespace

        def work(transaction: Transaction) -> None:
            insert(transaction, transaction.table_or_new(namespace), stored, raw)

        self._write(work)
        return InsertOneResult(document["_id"], acknowledged=True)

    def insert_many(
        self, documents: Iterable[Any], *, ordered: bool = True, **options: Any
    ) -> InsertManyResult:
        refuse_options(options)
        prepared = inserts(documents)
        if not prepared:
            raise TypeError("documents must be a non-empty list")
        self._bulk(prepared, ordered=ordered)
        identities = [document["_id"] for document, _ in prepared]
        return InsertManyResult(identities, acknowledged=True)

    def bulk_write(
        self, requests: Sequence[Any], *, ordered: bool = True, **options: Any
    ) -> BulkWriteResult:
        refuse_options(options)
        if not requests:
            raise InvalidOperation("No operations to execute")
        prepared = [prepare_operation(request) for request in requests]
        return BulkWriteResult(self._bulk(prepared, ordered=ordered), acknowledged=True)

    def update_one(
        self,
        filter: Any,  # noqa: A002
        update: Any,
        *,
        upsert: bool = False,
        sort: Any = None,
        **options: Any,
    ) -> UpdateResult:
        wanted = parse_update(update)
        return self._update(filter, wanted, options, upsert=upsert, sort=sort)

    def update_many(
        self,
        filter: Any,  # noqa: A002
        update: Any,
        *,
        upsert: bool = False,
        **options: Any,
    ) -> UpdateResult:
        wanted = parse_update(update)
        return self._update(filter, wanted, options, upsert=upsert, many=True)

    def replace_one(
        self,
        filter: Any,  # noqa: A002
        replacement: Any,
        *,
        upsert: bool = False,
        sort: Any = None,
        **options: Any,
    ) -> UpdateResult:
        wanted = replacement_of(replacement)
        return self._update(filter, wanted, options, upsert=upsert, sort=sort)

    def delete_one(self, filter: Any, **options: Any) -> DeleteResult:  # noqa: A002
        return self._delete(filter, options, many=False)

    def delete_many(self, filter: Any, **options: Any) -> DeleteResult:  # noqa: A002
        return self._delete(filter, options, many=True)

    def find_one_and_update(
        self,
        filter: Any,  # noqa: A002
        update: Any,
        **options: Any,
    ) -> Document | None:
        return self._find_and_change(filter, parse_update(update), options)

    def find_one_and_replace(
        self,
        filter: Any,  # noqa: A002
        replacement: Any,
        **options: Any,
    ) -> Document | None:
        return self._find_and_change(filter, replacement_of(replacement), options)

    def find_one_and_delete(
        self,
        filter: Any,  # noqa: A002
        projection: Any = None,
        sort: Any = None,
        **options: Any,
    ) -> Document | None:
        refuse_options(options)
        condition = condition_of(filter)
        order = parse_fields(sort) if sort else ()

        def work(transaction: Transaction) -> Changed:
            return delete(transaction, self._namespace, condition, order=order)

        return _shown(self._write(work).before, projection)

    def _find_and_change(
        self, condition: Any, wanted: Change, options: dict[str, Any]
    ) -> Document | None:
        projection = options.pop("projection", None)
        sort = options.pop("sort", None)
        upsert = bool(options.pop("upsert", False))
        after = bool(options.pop("return_document", False))
        refuse_options(options)
        condition = condition_of(condition)
        order = parse_fields(sort) if sort else ()

        def work(transaction: Transaction) -> Changed:
            return change(
                transaction,
                self._namespace,
                condition,
                wanted,
                upsert=upsert,
                order=order,
            )

        changed = self._write(work)
        return _shown(changed.after if after else changed.before, projection)

    def _update(
        self,
        condition: Any,
        wanted: Change,
        options: dict[str, Any],
        *,
        upsert: bool,
        many: bool = False,
        sort: Any = None,
    ) -> UpdateResult:
        refuse_options(options)
        condition = condition_of(condition)
        order = parse_fields(sort) if sort else ()

        def work(transaction: Transaction) -> Changed:
            return change(
                transaction,
                self._namespace,
                condition,
                wanted,
                many=many,
                upsert=upsert,
                order=order,
            )

        return UpdateResult(self._write(work).reply(), acknowledged=True)

    def _delete(
        self, condition: Any, options: dict[str, Any], *, many: bool
    ) -> DeleteResult:
        refuse_options(options)
        condition = condition_of(condition)

        def work(transaction: Transaction) -> Changed:
            return delete(transaction, self._namespace, condition, many=many)

        matched = self._write(work).matched
        return DeleteResult({"n": matched, "ok": 1.0}, acknowledged=True)

    def _bulk(self, prepared: Sequence[Any], *, ordered: bool) -> dict[str, Any]:
        def work(transaction: Transaction) -> dict[str, Any]:
            return run_bulk(transaction, self._namespace, prepared, ordered=ordered)

        reply = self._write(work)
        if reply["writeErrors"]:
            raise BulkWriteError(reply)
        return reply

    def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            return self._engine.write(work, durable=self._durable)
        except DuplicateKeyError:
            # "It is already there" must not be said of what a power cut may undo.
            if self._durable:
                self._engine.sync()
            raise


def _shown(raw: bytes | None, projection: Any) -> Document | None:
    if raw is None:
        return None
    project = compile_projection(projection)
    document = decode(raw)
    return project(document) if project else document
