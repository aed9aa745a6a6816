"""The face of a collection, as in pymongo."""

from typing import TYPE_CHECKING, Any

from pymongo import IndexModel, WriteConcern
from pymongo.errors import OperationFailure

from . import catalog as catalogs
from .catalog import ID_INDEX
from .documents import build_index
from .engine import Engine
from .errors import unsupported
from .indexing import Fields, parse_fields
from .reads import Reads
from .transactions import Transaction
from .writes import Writes

if TYPE_CHECKING:
    from .client import EmbeddedDatabase

_INDEX_NOT_FOUND = 27
_OPTIONS_CONFLICT = 85
_SPECS_CONFLICT = 86


class EmbeddedCollection(Reads, Writes):
    """Stands where ``pymongo.collection.Collection`` would."""

    def __init__(
        self,
        engine: Engine,
        database: "EmbeddedDatabase",
        name: str,
        write_concern: WriteConcern | None = None,
    ) -> None:
        if not name or name.startswith(("$", ".")) or name.endswith("."):
            raise ValueError(f"invalid collection name: {name!r}")
        self._engine = engine
        self._namespace = (database.name, name)
        self._durable = is_durable(write_concern)
        self.database = database
        self.name = name

    @property
    def full_name(self) -> str:
        return ".".join(self._namespace)

    def __repr__(self) -> str:
        return f"EmbeddedCollection({self.full_name!r})"

    def __getitem__(self, name: str) -> "EmbeddedCollection":
        return EmbeddedCollection(self._engine, self.database, f"{self.name}.{name}")

    def with_options(
        self, *, write_concern: WriteConcern | None = None, **options: Any
    ) -> "EmbeddedCollection":
        _refuse_others(options)
        return EmbeddedCollection(self._engine, self.database, self.name, write_concern)

    def create_index(self, keys: Any, **options: Any) -> str:
        fields = parse_fields(keys)
        name = options.pop("name", None) or "_".join(f"{f}_{way}" for f, way in fields)
        definition = _definition(fields, options)
        if fields in {(("_id", 1),), (("_id", -1),)}:
            return ID_INDEX

        def work(transaction: Transaction) -> None:
            table = transaction.table_or_new(self._namespace)
            for present in table.indexes:
                same = present.definition() == definition
                if present.name == name and same:
                    return
                if present.name == name:
                    raise _conflict(_SPECS_CONFLICT, name)
                if present.fields == fields and present.sparse == definition["sparse"]:
                    raise _conflict(_OPTIONS_CONFLICT, present.name)

            def build() -> None:
                index = catalogs.create_index(
                    transaction.connection, table, name, definition
                )
                build_index(transaction, table, index)
                transaction.reload()

            transaction.as_one(build)

        self._write(work)
        return str(name)

    def create_indexes(self, indexes: list[IndexModel], **options: Any) -> list[str]:
        _refuse_others(options)
        names = []
        for model in indexes:
            described = dict(model.document)
            names.append(self.create_index(described.pop("key"), **described))
        return names

    def index_information(self, **options: Any) -> dict[str, Any]:
        _refuse_others(options)
        information = self._engine.read(
            self._namespace,
            lambda _, table: {
                index.name: index.describe() for index in (table.by_id, *table.indexes)
            },
        )
        for described in (information or {}).values():
            if described["key"] == [("_id", 1)]:
                described.pop("unique", None)
        return information or {}

    def drop_index(self, index_or_name: Any, **options: Any) -> None:
        _refuse_others(options)
        name = (
            index_or_name
            if isinstance(index_or_name, str)
            else "_".join(f"{f}_{way}" for f, way in parse_fields(index_or_name))
        )

        def work(transaction: Transaction) -> None:
            table = transaction.table(self._namespace)
            index = table.index(name) if table else None
            if index is None:
                message = f"index not found with name [{name}]"
                raise OperationFailure(message, _INDEX_NOT_FOUND)
            catalogs.drop_index(transaction.connection, index)
            transaction.reload()

        self._write(work)

    def drop(self, **options: Any) -> None:
        _refuse_others(options)

        def work(transaction: Transaction) -> None:
            table = transaction.table(self._namespace)
            if table is not None:
                catalogs.drop_table(transaction.connection, table)
                transaction.reload()

        self._write(work)


def is_durable(write_concern: WriteConcern | None) -> bool:
    """Tell whether a write waits for the disk: unless ``j`` is False, it does."""
    if write_concern is None:
        return True
    if not write_concern.acknowledged:
        raise unsupported("unacknowledged writes (w=0)")
    return write_concern.document.get("j") is not False


def _definition(fields: Fields, options: dict[str, Any]) -> dict[str, Any]:
    options.pop("background", None)
    unique = bool(options.pop("unique", False))
    sparse = bool(options.pop("sparse", False))
    expire_after = options.pop("expireAfterSeconds", None)
    _refuse_others(options)
    roots = [name.split(".", 1)[0] for name, _ in fields]
    if unique and len(set(roots)) < len(roots):
        raise unsupported("a unique index on two fields below the same one")
    if expire_after is not None and len(fields) > 1:
        raise OperationFailure("TTL indexes are single-field indexes", 67)
    return {
        "key": [list(field) for field in fields],
        "unique": unique,
        "sparse": sparse,
        "expireAfterSeconds": expire_after,
    }


def _conflict(code: int, name: str) -> OperationFailure:
    return OperationFailure(
        f"An index named {name} exists already with other options", code
    )


def _refuse_others(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None and name != "session":
            raise unsupported(f"the option '{name}'")
