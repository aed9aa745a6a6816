"""A process with workers, for the tests that kill it: its jobs leave marks in a folder.

Run as ``python -m tests.support.job_worker <folder> <threads>``.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from app.config import Settings, load_settings
from app.models.ids import new_id
from app.models.job import Job
from app.repositories.process_locks import ProcessLocks
from app.services import presence as presences
from app.services import workers
from app.services.presence import Presence
from app.services.upkeep import Upkeep
from app.wiring.stores import Repositories, open_store
from app.wiring.working import build_working
from tests.support.processes import ServerProcess

READY = "ready"
KIND = "mark"
FOR_EVER = 600.0
QUIET = (0.5, 1.0)
SILENCE = 5.0


class JobWorker(ServerProcess):
    """That process, with these settings."""

    def __init__(
        self, folder: Path, marks: "Marks", *, threads: int, **settings: object
    ) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, **settings)
        self._program = (
            "-m",
            "tests.support.job_worker",
            str(marks.folder),
            str(threads),
        )

    def start(self) -> Self:
        """Start it and wait until its workers are about to look for jobs."""
        self.spawn([sys.executable, *self._program])
        line = self.output.readline()
        if line.strip() != READY:
            self.kill()
            raise AssertionError(self.log.read_text())
        return self


class Marks:
    """What jobs have left in a folder: each subject's runs, and that it is done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note_run(self, subject: str) -> None:
        with (self.folder / f"{subject}.runs").open("a") as runs:
            runs.write(f"{os.getpid()}\n")

    def runs(self, subject: str) -> list[int]:
        """Return the process ids of the runs that were begun, in their order."""
        noted = self.folder / f"{subject}.runs"
        return [int(pid) for pid in noted.read_text().split()] if noted.exists() else []

    def note(self, subject: str, what: str) -> None:
        (self.folder / f"{subject}.{what}").touch()

    def all(self, what: str) -> set[str]:
        return {noted.stem for noted in self.folder.glob(f"*.{what}")}


DIES, HANGS_ONCE = "dies", "hangs once"


class Marker:
    """Does what a job's revision says, and notes it."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def run(self, job: Job, _stopping: Callable[[], bool]) -> None:
        self._marks.note_run(job.subject)
        if job.revision == DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        if job.revision == HANGS_ONCE and len(self._marks.runs(job.subject)) < 2:
            threading.Event().wait(FOR_EVER)
        self._marks.note(job.subject, "done")

    def give_up(self, job: Job, error: str) -> None:
        self._marks.note(job.subject, error)


def work(settings: Settings, marks: Marks, threads: int) -> None:
    """Run jobs until SIGTERM."""
    workers.QUIET = QUIET
    presences.SILENCE = SILENCE
    store = open_store(settings)
    kept = Repositories(store.db)
    kept.ensure_indexes()
    presence = Presence(
        process=new_id(),
        processes=kept.processes,
        locks=ProcessLocks(settings.data_dir / "processes"),
    )
    working = build_working(
        kept,
        presence=presence,
        handlers={KIND: Marker(marks)},
        stopping=threading.Event(),
    )
    upkeep = Upkeep(
        presence=presence,
        prepare=kept.ensure_indexes,
        often=(working.jobs.adopt_orphans,),
        seldom=(),
    )
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    upkeep.start()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    working.workers.start(threads)
    told.wait()
    working.workers.close()
    upkeep.stop()
    store.close()


if __name__ == "__main__":
    work(load_settings(), Marks(Path(sys.argv[1])), int(sys.argv[2]))
