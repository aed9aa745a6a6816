"""`flask worker`, for servers that run no jobs themselves."""

import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import main
from app.config import Settings
from app.models.job import JobState
from app.wiring.stores import Repositories, open_store
from tests.support.made import job
from tests.support.processes import WorkerCommand
from tests.support.waiting import until


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Repositories]:
    store = open_store(Settings(_env_file=None, data_dir=tmp_path / "data"))
    made = Repositories(store.db)
    made.ensure_indexes()
    yield made
    store.close()


def test_it_takes_over_the_jobs_of_the_dead_and_ends_when_told_to(
    tmp_path: Path, queue: Repositories
) -> None:
    queue.jobs.add(job(kind="of no worker"))
    assert queue.jobs.claim("a dead process", ["of no worker"])
    worker = WorkerCommand(tmp_path).start()
    try:
        until(lambda: queue.jobs.count(JobState.QUEUED) == 1)
    finally:
        code = worker.terminate()

    assert code == 0
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.parametrize(
    ("command", "expected"),
    [(None, 3), ("run", 3), ("create-user", 0), ("worker", 0)],
)
def test_servers_start_workers_and_other_commands_do_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str | None,
    expected: int,
) -> None:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        documents_dir=tmp_path / "documents",
        llm_provider="offline",
        workers=3,
    )
    monkeypatch.setattr(main, "load_settings", lambda: settings)
    monkeypatch.setattr(main, "set_up_logging", lambda _level: None)
    before = set(threading.enumerate())
    if command:
        with click.Context(click.Command(command), info_name=command):
            app = main.create_app()
    else:
        app = main.create_app()
    try:
        names = [thread.name for thread in set(threading.enumerate()) - before]
        assert sum(name.startswith("worker-") for name in names) == expected
    finally:
        app.extensions["services"].close()
