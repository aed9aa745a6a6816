"""The embedded store, standing where a MongoDB client would."""

from contextlib import AbstractContextManager
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self

from pymongo import WriteConcern

from .collection import EmbeddedCollection
from .engine import Engine
from .errors import unsupported
from .forks import watch
from .sweeping import sweep


class EmbeddedClient:
    """One store file; safe to share between threads, one client per process.

    ``path`` is the file to keep everything in, made when it does not exist.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._engine = Engine(fspath(path))
        watch(self._engine)
        self.admin = EmbeddedDatabase(self._engine, self, "admin")

    def __getitem__(self, name: str) -> "EmbeddedDatabase":
        return EmbeddedDatabase(self._engine, self, name)

    def get_database(self, name: str) -> "EmbeddedDatabase":
        return self[name]

    def together(self) -> AbstractContextManager[None]:
        """Return a block whose writes, by this thread, are one transaction."""
        return self._engine.together()

    def sweep(self) -> int:
        """Remove what TTL indexes say has expired; return how many documents."""
        return sweep(self._engine)

    def backup(self, path: str | PathLike[str]) -> None:
        """Write a consistent copy to a new file, while others read and write."""
        self._engine.backup(fspath(path))

    def list_database_names(self) -> list[str]:
        return sorted({database for database, _ in self._engine.namespaces()})

    def drop_database(self, name: str) -> None:
        database = self[name]
        for collection in database.list_collection_names():
            database[collection].drop()

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class EmbeddedDatabase:
    """Stands where ``pymongo.database.Database`` would."""

    def __init__(self, engine: Engine, client: EmbeddedClient, name: str) -> None:
        if not name or set(name) & set(' ."$/\\\0'):
            raise ValueError(f"invalid database name: {name!r}")
        self._engine = engine
        self.client = client
        self.name = name

    def __repr__(self) -> str:
        return f"EmbeddedDatabase({self.name!r})"

    def __getitem__(self, name: str) -> EmbeddedCollection:
        return EmbeddedCollection(self._engine, self, name)

    def get_collection(
        self, name: str, *, write_concern: WriteConcern | None = None
    ) -> EmbeddedCollection:
        return EmbeddedCollection(self._engine, self, name, write_concern)

    def list_collection_names(self) -> list[str]:
        return [
            name
            for database, name in self._engine.namespaces()
            if database == self.name
        ]

    def drop_collection(self, name: str) -> None:
        self[name].drop()

    def command(self, command: str | dict[str, Any], *_: Any) -> dict[str, Any]:
        """Answer ``ping``: the store can be read, and its file is in its place."""
        name = command if isinstance(command, str) else next(iter(command))
        if name != "ping":
            raise unsupported(f"the command '{name}'")
        self._engine.ping()
        return {"ok": 1.0}
