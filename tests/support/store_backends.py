"""Fixtures for tests that run on every store: embedded, wire, and your MongoDB.

``TEST_MONGODB_URI`` adds the server it names as the backend "mongodb".
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from app.repositories.embedded import EmbeddedClient, EmbeddedCollection
from app.repositories.embedded.documents import decode
from tests.servers import mongo_wire

TEST_MONGODB_URI = os.environ.get("TEST_MONGODB_URI")
BACKENDS = ["embedded", "wire", *(["mongodb"] if TEST_MONGODB_URI else [])]

Database = Any
MakeDatabase = Callable[[str], Database]


@pytest.fixture(scope="session")
def wire_uri() -> Iterator[str]:
    """Return the address of a wire server of this test process."""
    try:
        server = mongo_wire.start()
    except mongo_wire.CannotStart as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no wire server: {reason}")
    yield server.uri
    server.stop()


@pytest.fixture(scope="session")
def wire_client(wire_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](wire_uri, tz_aware=True) as client:
        yield client


@pytest.fixture(scope="session")
def mongodb_client() -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](TEST_MONGODB_URI, tz_aware=True) as client:
        yield client


@pytest.fixture(scope="session")
def embedded_client(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedClient]:
    folder: Path = tmp_path_factory.mktemp("store")
    with EmbeddedClient(folder / "store.db") as client:
        yield client


@pytest.fixture
def make_database(request: pytest.FixtureRequest) -> Iterator[MakeDatabase]:
    """Return a function giving a fresh database of a backend, dropped afterwards."""
    made: list[tuple[Any, str]] = []

    def make(backend: str) -> Database:
        client = request.getfixturevalue(f"{backend}_client")
        name = f"test_{uuid.uuid4().hex[:12]}"
        made.append((client, name))
        return client[name]

    yield make
    for client, name in made:
        client.drop_database(name)


def assert_indexes_agree(collection: EmbeddedCollection) -> None:
    """Compare a scan of each index with what a full scan says it should hold."""

    def check(connection: Any, table: Any) -> None:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        for index in table.indexes:
            held = set(connection.execute(f"SELECT key, rid FROM {index.table}"))  # noqa: S608
            due = {
                (key, rid)
                for rid, raw in connection.execute(
                    f"SELECT rid, doc FROM {table.name}"  # noqa: S608
                )
                for key in index.keys(decode(raw))[0]
            }
            assert held == due, index.name

    collection._engine.read(collection._namespace, check)
