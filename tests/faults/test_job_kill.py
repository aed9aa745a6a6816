"""kill -9 in the middle of jobs: each is done, and what kills is put aside."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.models.job import JobState
from app.wiring.stores import Repositories, Store, open_store
from tests.support.job_worker import DIES, HANGS_ONCE, KIND, JobWorker, Marks
from tests.support.made import job
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.waiting import until

TAKEN_OVER = 30.0
PLAIN = 30


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(request: pytest.FixtureRequest, backend: str) -> dict[str, Any]:
    return store_settings(request, backend)


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    folder = tmp_path / "marks"
    folder.mkdir()
    return Marks(folder)


@pytest.fixture
def store(tmp_path: Path, settings: dict[str, Any]) -> Iterator[Store]:
    folder = tmp_path / "first" / "data"
    made = open_store(Settings(_env_file=None, data_dir=folder, **settings))
    yield made
    made.close()


@pytest.fixture
def queue(store: Store) -> Repositories:
    kept = Repositories(store.db)
    kept.ensure_indexes()
    return kept


def add(queue: Repositories, subject: str, revision: str = "r1") -> None:
    queue.jobs.add(job(id=subject, kind=KIND, subject=subject, revision=revision))


def add_plain(queue: Repositories) -> set[str]:
    names = {f"plain{n}" for n in range(PLAIN)}
    for name in sorted(names):
        add(queue, name)
    return names


@contextmanager
def two_workers(*made: JobWorker) -> Iterator[None]:
    with ExitStack() as ended:
        for worker in made:
            worker.start()
            ended.callback(worker.kill)
        yield


@pytest.mark.timeout(180)
def test_the_jobs_of_a_killed_worker_are_done_by_the_other(
    tmp_path: Path,
    backend: str,
    settings: dict[str, Any],
    marks: Marks,
    queue: Repositories,
) -> None:
    # The embedded store's processes share a folder, with its locks; others do not.
    folders = ["first", "first" if backend == "embedded" else "second"]
    workers = [
        JobWorker(tmp_path / folder, marks, threads=2, **settings) for folder in folders
    ]
    with two_workers(*workers):
        add(queue, "hangs", HANGS_ONCE)
        names = add_plain(queue) | {"hangs"}
        until(lambda: marks.runs("hangs"))
        [victim] = [w for w in workers if w.process.pid == marks.runs("hangs")[0]]
        [other] = [w for w in workers if w is not victim]

        victim.kill()

        until(lambda: marks.all("done") == names, seconds=TAKEN_OVER)
        assert marks.runs("hangs") == [victim.process.pid, other.process.pid]
        until(lambda: not any(queue.jobs.count(state) for state in JobState))
        assert other.terminate() == 0
    # Only what the killed one had in hand was run twice.
    again = [name for name in names if len(marks.runs(name)) > 1]
    assert len(again) <= 2
    assert all(len(marks.runs(name)) == 2 for name in again)


@pytest.mark.timeout(180)
def test_a_job_that_kills_its_process_is_parked_after_three_tries(
    tmp_path: Path,
    settings: dict[str, Any],
    marks: Marks,
    store: Store,
    queue: Repositories,
) -> None:
    workers = [
        JobWorker(tmp_path / "first", marks, threads=1, **settings) for _ in range(2)
    ]
    add(queue, "a poison", DIES)
    names = add_plain(queue)

    def supervise() -> bool:
        """Start again who has died, and tell whether it is over."""
        for worker in workers:
            ended = worker.process.poll()
            if ended is not None:
                assert ended == -signal.SIGKILL
                worker.kill()
                worker.start()
        return queue.jobs.count(JobState.PARKED) == 1

    with two_workers(*workers):
        until(supervise, seconds=120)
        until(lambda: marks.all("done") == names)
        until(lambda: queue.jobs.count(JobState.QUEUED) == 0)

    assert len(marks.runs("a poison")) == 3
    assert marks.all("poisoned") == {"a poison"}
    [parked] = store.db["jobs"].find({})
    assert (parked["_id"], parked["error"]) == ("a poison", "poisoned")
    assert {len(marks.runs(name)) for name in names} == {1}


def test_a_worker_told_to_stop_gives_back_what_does_not_end(
    tmp_path: Path,
    settings: dict[str, Any],
    marks: Marks,
    store: Store,
    queue: Repositories,
) -> None:
    worker = JobWorker(tmp_path / "first", marks, threads=1, **settings)
    with two_workers(worker):
        add(queue, "hangs", HANGS_ONCE)
        until(lambda: marks.runs("hangs"))

        assert worker.terminate() == 0

        [left] = store.db["jobs"].find({})
        assert (left["state"], left["attempts"]) == ("queued", 0)
        worker.start()
        until(lambda: marks.all("done") == {"hangs"})
