"""Updates, replacements and deletions inside a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalog import Namespace, Table
from .documents import (
    decode,
    decode_for_us,
    delete_row,
    encode_document,
    entries_of,
    insert,
    replace_row,
    with_id,
)
from .errors import write_error
from .filters import is_operators
from .indexing import Fields
from .keys import same
from .places import copied
from .scanning import Match, Query, first_match, matches, prepare
from .transactions import Transaction
from .updates import Update, from_filter, matched_element

Document = dict[str, Any]
Condition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replacement:
    """A whole new document for the same ``_id``."""

    document: Mapping[str, Any]

    def over(self, identity: Any) -> Document:
        if "_id" in self.document and not same(self.document["_id"], identity):
            raise write_error(
                66, "the (immutable) field '_id' was found to have been altered"
            )
        rest = {k: v for k, v in self.document.items() if k != "_id"}
        return {"_id": identity, **rest}


Change = Update | Replacement


@dataclass(slots=True)
class Changed:
    """What an operation did; ``before`` and ``after`` are of its last document."""

    matched: int = 0
    modified: int = 0
    upserted: bool = False
    identity: Any = None
    before: bytes | None = None
    after: bytes | None = None

    def reply(self) -> dict[str, Any]:
        found = {"n": self.matched, "nModified": self.modified, "ok": 1.0}
        if self.upserted:
            return {**found, "n": 1, "upserted": self.identity}
        return found


def replacement_of(document: Any) -> Replacement:
    if not isinstance(document, Mapping):
        raise TypeError("replacement must be an instance of dict")
    if is_operators(document):
        raise ValueError("replacement can not include $ operators")
    return Replacement(document)


def change(
    transaction: Transaction,
    namespace: Namespace,
    condition: Condition,
    wanted: Change,
    *,
    many: bool = False,
    upsert: bool = False,
    order: Fields = (),
) -> Changed:
    table = transaction.table(namespace)
    found: list[Match] = []
    if table is not None:
        query = prepare(table, condition, order)
        found = _found(transaction, query, many=many)
    changed = Changed()
    if not found and upsert:
        _upsert(transaction, namespace, condition, wanted, changed)

    def change_found(table: Table) -> None:
        for match in found:
            table = _change_one(transaction, table, condition, wanted, match, changed)

    if table is not None and len(found) == 1:
        change_found(table)
    elif table is not None and found:
        transaction.as_one(lambda: change_found(table))
    return changed


def _found(transaction: Transaction, query: Query, *, many: bool) -> list[Match]:
    if many:
        return list(matches(transaction.connection, query, decoded=decode_for_us))
    match = first_match(transaction.connection, query, decode_for_us)
    return [match] if match else []


def _change_one(  # noqa: PLR0917
    transaction: Transaction,
    table: Table,
    condition: Condition,
    wanted: Change,
    match: Match,
    changed: Changed,
) -> Table:
    rid, document, raw = match
    roots = wanted.shape.touched if isinstance(wanted, Update) else None
    entries = entries_of(table, document, roots)
    if isinstance(wanted, Update):
        element = None
        positional = wanted.shape.positional
        if positional is not None:
            element = matched_element(positional, condition, document)
        wanted.apply(document, inserting=False, matched=element)
    else:
        document = copied(wanted.over(document["_id"]))
    new = encode_document(document)
    changed.matched += 1
    changed.before, changed.after = raw, new
    if new == raw:
        return table
    changed.modified += 1
    return replace_row(transaction, table, rid, document, new, entries)


def _upsert(
    transaction: Transaction,
    namespace: Namespace,
    condition: Condition,
    wanted: Change,
    changed: Changed,
) -> None:
    document = from_filter(condition)
    if isinstance(wanted, Update):
        wanted.apply(document, inserting=True)
    else:
        given = copied(wanted.document)
        if "_id" in document:
            given = wanted.over(document["_id"])
        document = given
    document = with_id(document)
    raw = encode_document(document)
    insert(transaction, transaction.table_or_new(namespace), document, raw)
    changed.upserted = True
    changed.identity = decode(raw)["_id"]
    changed.after = raw


def delete(
    transaction: Transaction,
    namespace: Namespace,
    condition: Condition,
    *,
    many: bool = False,
    order: Fields = (),
) -> Changed:
    table = transaction.table(namespace)
    changed = Changed()
    if table is None:
        return changed
    query = prepare(table, condition, order)
    for rid, document, raw in _found(transaction, query, many=many):
        delete_row(transaction, table, rid, document)
        changed.matched += 1
        changed.before = raw
    return changed
