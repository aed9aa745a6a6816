"""What a store, a documents folder and a search index hold, looked at from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from app.config import Settings
from app.wiring.stores import open_store

KNOWLEDGE = ("documents", "chunks", "jobs")
TABLES = ("documents", "chunks", "terms", "counts", "vectors")


@contextmanager
def opened(data: Path, settings: dict[str, Any]) -> Iterator[Any]:
    """Open the database that a server with these settings uses."""
    uri = settings.get("mongodb_uri")
    store = open_store(Settings(_env_file=None, data_dir=data, mongodb_uri=uri))
    try:
        yield store.db
    finally:
        store.close()


def counted(db: Any) -> dict[str, int]:
    """Return how many rows of knowledge there are, by collection; none are left out."""
    found = {name: db[name].count_documents({}) for name in KNOWLEDGE}
    return {name: count for name, count in found.items() if count}


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def indexed_rows(path: Path) -> dict[str, int]:
    """Return how many rows a search index has, by table; none are left out."""
    with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        connection.set_busy_timeout(10_000)
        found = {
            name: int(connection.execute(f"SELECT count(*) FROM {name}").get)  # noqa: S608
            for name in TABLES
        }
    return {name: count for name, count in found.items() if count}
