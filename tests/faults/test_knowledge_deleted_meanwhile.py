"""What is deleted while it is indexed leaves nothing anywhere."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked import forked
from tests.support.kept import counted, files_in, indexed_rows, opened
from tests.support.librarian import FINISHED, Librarian, handbook
from tests.support.processes import ServerProcess
from tests.support.servers import SECRET, store_settings
from tests.support.store_backends import BACKENDS
from tests.support.waiting import until

TIMES = 3
RULES = 1_000


@pytest.fixture(scope="module", params=BACKENDS)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"secret_key": SECRET, **store_settings(request, request.param)}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with forked(folder, log_level="WARNING", workers=2, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def librarian(server: ServerProcess) -> Librarian:
    return Librarian(server)


def delete_document(
    librarian: Librarian, server: ServerProcess, document: str, _assistant: str
) -> None:
    librarian.delete(server, document)


def delete_assistant(
    librarian: Librarian, server: ServerProcess, _document: str, assistant: str
) -> None:
    librarian.ask(server, "DELETE", f"/assistants/delete/{assistant}")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("delete", [delete_document, delete_assistant])
def test_nothing_is_left_of_what_was_deleted_while_it_was_indexed(
    server: ServerProcess,
    librarian: Librarian,
    settings: dict[str, Any],
    delete: Callable[[Librarian, ServerProcess, str, str], None],
) -> None:
    data = server.folder / "data"
    with opened(data, settings) as db:
        for turn in range(TIMES):
            assistant = librarian.assistant = librarian.add_assistant(server)
            document = librarian.upload(server, handbook("canary", RULES))
            librarian.until_is(server, document, "processing")
            time.sleep(random.uniform(0.2, 1.5) if turn else 0.0)
            delete(librarian, server, document, assistant)
            until(lambda: counted(db) == {}, seconds=FINISHED)
            assert _files(server) == []
        # A start looks after the index, as every minute does.
        server.kill()
        server.start()
        until(lambda: indexed_rows(data / "search.sqlite3") == {}, seconds=FINISHED)
        assert counted(db) == {}
        assert _files(server) == []


def _files(server: ServerProcess) -> list[Path]:
    return files_in(server.folder / "documents")
