"""Several writes in one transaction, with one sync."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from pymongo.errors import OperationFailure

from .catalog import Namespace
from .changes import Changed, change, delete, replacement_of
from .documents import encode_document, insert, with_id
from .errors import refuse_options
from .indexing import parse_fields
from .transactions import Transaction
from .updates import parse_update

Reply = dict[str, Any]


def prepare_operation(operation: Any) -> Any:
    """Refuse what we cannot do, and give an insert its ``_id``, before any write."""
    if isinstance(operation, InsertOne):
        document = _part(operation, "doc")
        stored = with_id(document)
        if "_id" not in document:
            document["_id"] = stored["_id"]
        return (stored, encode_document(stored))
    if not isinstance(
        operation, (UpdateOne, UpdateMany, ReplaceOne, DeleteOne, DeleteMany)
    ):
        raise TypeError(f"{operation!r} is not a valid request")
    names = ("collation", "array_filters", "hint")
    refuse_options({name: _part(operation, name) for name in names})
    return operation


def run_bulk(
    transaction: Transaction,
    namespace: Namespace,
    operations: Sequence[Any],
    *,
    ordered: bool,
) -> Reply:
    """Run prepared operations; what fails is undone alone and noted in the reply."""
    reply: Reply = {
        "writeErrors": [],
        "writeConcernErrors": [],
        "nInserted": 0,
        "nUpserted": 0,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "upserted": [],
    }
    for number, operation in enumerate(operations):
        try:
            _run(transaction, namespace, operation, number, reply)
        except OperationFailure as error:
            reply["writeErrors"].append(_error(error, number, operation))
            if ordered:
                break
    return reply


def _run(
    transaction: Transaction,
    namespace: Namespace,
    operation: Any,
    number: int,
    reply: Reply,
) -> None:
    if isinstance(operation, tuple):
        document, raw = operation
        insert(transaction, transaction.table_or_new(namespace), document, raw)
        reply["nInserted"] += 1
        return
    condition = _part(operation, "filter")
    if isinstance(operation, (DeleteOne, DeleteMany)):
        many = isinstance(operation, DeleteMany)
        reply["nRemoved"] += delete(
            transaction, namespace, condition, many=many
        ).matched
        return
    changed = _change(transaction, namespace, operation, condition)
    reply["nMatched"] += changed.matched
    reply["nModified"] += changed.modified
    if changed.upserted:
        reply["nUpserted"] += 1
        reply["upserted"].append({"index": number, "_id": changed.identity})


def _change(
    transaction: Transaction,
    namespace: Namespace,
    operation: Any,
    condition: Mapping[str, Any],
) -> Changed:
    document = _part(operation, "doc")
    is_replacement = isinstance(operation, ReplaceOne)
    wanted = replacement_of(document) if is_replacement else parse_update(document)
    order = _part(operation, "sort")
    return change(
        transaction,
        namespace,
        condition,
        wanted,
        many=isinstance(operation, UpdateMany),
        upsert=bool(_part(operation, "upsert")),
        order=parse_fields(order) if order else (),
    )


def _part(operation: Any, name: str) -> Any:
    return getattr(operation, f"_{name}", None)


def _error(error: OperationFailure, number: int, operation: Any) -> dict[str, Any]:
    details = dict(error.details or {"errmsg": str(error), "code": error.code})
    shown = operation[0] if isinstance(operation, tuple) else repr(operation)
    return {**details, "index": number, "op": shown}


def inserts(documents: Iterable[Any]) -> list[Any]:
    """Return the prepared inserts, having set ``_id`` in the caller's documents."""
    prepared = []
    for document in documents:
        if not isinstance(document, dict):
            raise TypeError("document must be an instance of dict")
        prepared.append(prepare_operation(InsertOne(document)))
    return prepared
