"""A store of jobs, a handler that does as told, and workers, for their tests."""

import threading
from collections import deque
from collections.abc import Callable

from app.models.job import Job, JobState
from app.services.held_jobs import HeldJobs
from app.services.workers import Workers
from tests.support.conversation import Clock
from tests.support.fake_jobs import FakeJobs
from tests.support.faults import Plan, faulty
from tests.support.made import job
from tests.support.waiting import until

Step = Callable[[Job, Callable[[], bool]], None]


def succeed(_job: Job, _stopping: Callable[[], bool]) -> None:
    pass


def failing_with(error: Exception) -> Step:
    def fail(_job: Job, _stopping: Callable[[], bool]) -> None:
        raise error

    return fail


class Scripted:
    """A handler that does with each run what its script says, and then succeeds."""

    def __init__(self) -> None:
        self.script: deque[Step] = deque()
        self.runs: list[tuple[str, int]] = []
        self.given_up: list[tuple[str, str]] = []
        self.giving_up: deque[Exception] = deque()

    def run(self, job: Job, stopping: Callable[[], bool]) -> None:
        self.runs.append((job.id, job.attempts))
        step = self.script.popleft() if self.script else succeed
        step(job, stopping)

    def give_up(self, job: Job, error: str) -> None:
        if self.giving_up:
            raise self.giving_up.popleft()
        self.given_up.append((job.id, error))


class Shop:
    """A store of jobs, and a process that works them off."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakeJobs()
        self.handler = Scripted()
        self.arrived = threading.Event()
        self.stopping = threading.Event()
        self.plan = Plan()
        self.workers = Workers(
            held=HeldJobs(
                process="me",
                jobs=faulty(self.store, self.plan),
                kinds=["index"],
                monotonic=self.clock.monotonic,
            ),
            handlers={"index": self.handler},
            arrived=self.arrived,
            stopping=self.stopping,
        )

    def add(self, name: str = "j1", **fields: object) -> None:
        self.store.add(job(id=name, **fields))
        self.arrived.set()

    def start(self, count: int = 1) -> None:
        self.workers.start(count)

    def wait_out(self, runs: int) -> None:
        """Let put-off jobs come due, until there were so many runs."""

        def ran() -> bool:
            if len(self.handler.runs) < runs:
                self.clock.seconds += 300
            self.arrived.set()
            return len(self.handler.runs) == runs

        until(ran)

    def until_done(self) -> None:
        until(lambda: not self.store.all())

    def until_parked(self) -> Job:
        until(lambda: self.store.count(JobState.PARKED))
        [parked] = [j for j in self.store.all() if j.state is JobState.PARKED]
        return parked
