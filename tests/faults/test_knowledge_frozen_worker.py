"""A worker that stands still for longer than it is waited for, and then goes on."""

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.kept import counted, opened
from tests.support.librarian import FINISHED, Librarian, handbook
from tests.support.odd_server import running_hasty
from tests.support.processes import ServerProcess
from tests.support.servers import SECRET, store_settings
from tests.support.store_backends import BACKENDS
from tests.support.waiting import until


def freeze(
    victim: ServerProcess, librarian: Librarian, at: ServerProcess, data: str
) -> str:
    """Stop a process while it indexes, but not while it holds the store's lock."""
    while True:
        document = librarian.upload(at, data)
        librarian.until_is(at, document, "processing")
        victim.process.send_signal(signal.SIGSTOP)
        if librarian.try_to_upload(at, "Free.", name="free.md").is_success:
            return document
        victim.process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_frozen_worker_writes_too_late_harms_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    settings: dict[str, Any] = {
        "secret_key": SECRET,
        "documents_dir": tmp_path / "documents",
        "log_level": "WARNING",
        **store_settings(request, backend),
    }
    folders = {
        name: tmp_path / ("first" if backend == "embedded" else name)
        for name in ("first", "asked", "second")
    }
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    with ExitStack() as ended:
        asked = ended.enter_context(
            running_hasty(folders["asked"], workers=0, **settings)
        )
        victim = ended.enter_context(
            running_hasty(folders["first"], workers=1, **settings)
        )
        librarian = Librarian(asked)
        document = freeze(victim, librarian, asked, handbook("canary", 1_000))
        second = ended.enter_context(
            running_hasty(folders["second"], workers=1, **settings)
        )
        librarian.until_is(asked, document, "ready")
        assert librarian.upload_and_index(asked, handbook("parrot", 50)) == document
        before = librarian.shown(asked, document)

        second.kill()
        victim.process.send_signal(signal.SIGCONT)
        # Its one worker reads this when it is done with what it had.
        librarian.upload_and_index(asked, "The owl hoots.", name="owl.md")

        assert librarian.shown(asked, document) == before
        for server in (asked, victim):
            found = librarian.found(server, "Who sings in which room?")
            assert len(found) == 10
            assert all("parrot" in text for text in found)
        with opened(folders["asked"] / "data", settings) as db:
            until(lambda: "jobs" not in counted(db), seconds=FINISHED)
            revisions = db["chunks"].distinct("revision", {"document_id": document})
            [record] = db["documents"].find({"_id": document})
            assert revisions == [record["indexed"]] == [record["revision"]]
