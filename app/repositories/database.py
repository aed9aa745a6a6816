import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from app.repositories.embedded import EmbeddedClient, EmbeddedDatabase
from app.repositories.failures import raise_ours
from app.repositories.store_time import store_time

DATABASE_NAME = "orquestradora"
EMBEDDED_FILE = "store.sqlite3"

# What an answer acknowledges to somebody outside has been synced. What can be
# made again from such a write need not wait for the disk itself.
ACKNOWLEDGED = WriteConcern(w="majority", j=True)
REPAIRABLE = WriteConcern(w=1, j=False)

AnyDatabase = Database[dict[str, Any]]


class _Transaction(threading.local):
    """What this thread does when the transaction that it is in has been made."""

    actions: list[Callable[[], None]] | None = None


_transaction = _Transaction()


def connect_mongodb(uri: str) -> tuple["MongoClient[dict[str, Any]]", AnyDatabase]:
    """Open the database that ``uri`` names, or ``orquestradora`` in it.

    No connection is made yet. Raises pymongo's errors for a malformed ``uri``.
    """
    name = parse_uri(uri)["database"] or DATABASE_NAME
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri,
        tz_aware=True,
        tzinfo=UTC,
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
        socketTimeoutMS=5000,
        waitQueueTimeoutMS=1000,
        maxPoolSize=400,
        appname=DATABASE_NAME,
    )
    return client, client.get_database(name, write_concern=ACKNOWLEDGED)


def connect_embedded(folder: Path) -> tuple[EmbeddedClient, AnyDatabase]:
    """Open the embedded store in ``folder``, which is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    client = EmbeddedClient(folder / EMBEDDED_FILE)
    return client, client[DATABASE_NAME]  # type: ignore[return-value]


@contextmanager
def together(db: AnyDatabase) -> Iterator[bool]:
    """Acknowledge this thread's writes in the block when the block ends.

    True where they are one transaction.

    On the embedded store they are one transaction: others see all of them or none,
    an error that leaves the block undoes them, and where one of them waits for the
    disk all of them do, with one sync. Every other writer waits meanwhile: nothing
    slow may happen in the block, all of which is store time. MongoDB runs them in
    order, each on its own.
    """
    if not isinstance(db, EmbeddedDatabase):
        yield False
        return
    counted = store_time.get()
    if counted is not None:
        counted.begin()
    actions: list[Callable[[], None]] = []
    _transaction.actions = actions
    try:
        with db.client.together():
            yield True
    except PyMongoError as exc:
        raise_ours(exc)
        raise
    finally:
        _transaction.actions = None
        if counted is not None:
            counted.end()
    for action in actions:
        action()


def once_written(action: Callable[[], None]) -> None:
    """Do it now, or when the transaction that this thread is in has been made."""
    if _transaction.actions is None:
        action()
    else:
        _transaction.actions.append(action)


def now() -> datetime:
    """Return the UTC time cut to milliseconds, as the store keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
