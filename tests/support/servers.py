"""Fixtures: one server a module and a store, with its people and a model to ask."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running import Bot, Person, Server, running
from tests.support.store_backends import BACKENDS, TEST_MONGODB_URI
from tests.support.upstream import Upstream

SECRET = "a secret of the tests, long enough to be one"


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    """Return the language model that the module's server asks."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server_settings() -> dict[str, Any]:
    """Return settings of the module's server; a module may have its own."""
    return {}


@pytest.fixture(scope="module", params=BACKENDS)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    model: Upstream,
    server_settings: dict[str, Any],
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    usual: dict[str, Any] = {
        "llm_provider": "openai",
        "openai_base_url": model.base_url,
        "turn_timeout_seconds": 20,
    }
    store = store_settings(request, request.param)
    with running(folder, **usual | store | server_settings) as made:
        yield made


@pytest.fixture(scope="module")
def admin(server: Server) -> Person:
    """Return the first user."""
    return server.register()


@pytest.fixture(scope="module")
def owner(server: Server, admin: Person) -> Person:
    return server.register()


@pytest.fixture(scope="module")
def stranger(server: Server, admin: Person) -> Person:
    """Return an owner of other assistants."""
    return server.register()


@pytest.fixture
def bot(owner: Person) -> Bot:
    """Return a new assistant of the owner, as its bot."""
    return owner.create_assistant()


def store_settings(request: pytest.FixtureRequest, backend: str) -> dict[str, Any]:
    """Return the settings that put a server on a fresh database of a backend."""
    if backend == "embedded":
        return {}
    uri = (
        str(request.getfixturevalue("wire_uri"))
        if backend == "wire"
        else str(TEST_MONGODB_URI)
    )
    base, _, options = uri.partition("?")
    name = f"test_{uuid.uuid4().hex[:12]}"
    uri = f"{base.rstrip('/')}/{name}" + (f"?{options}" if options else "")
    return {"mongodb_uri": uri, "secret_key": SECRET}
