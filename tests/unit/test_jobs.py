"""What is queued once is done, whoever dies."""

import threading

import pytest

from app.errors import StoreUnavailable
from app.models.job import Job, JobState
from app.services.jobs import Jobs
from app.services.presence import SILENCE, Presence
from tests.support.conversation import Clock, NoLocks
from tests.support.fake_jobs import FakeJobs
from tests.support.fakes import FakeProcesses
from tests.support.faults import Plan, faulty
from tests.support.made import NOW, job


class Queue:
    """The jobs as one process sees them, with a clock moved by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakeJobs()
        self.processes = FakeProcesses()
        self.arrived = threading.Event()
        self.presence = Presence(
            process="me",
            processes=self.processes,
            locks=NoLocks(),
            monotonic=self.clock.monotonic,
        )
        self.jobs = self.seeing(self.store)

    def seeing(self, store: FakeJobs) -> Jobs:
        return Jobs(
            jobs=store,
            presence=self.presence,
            arrived=self.arrived,
            now=self.clock.now,
        )

    def claim(self, process: str) -> None:
        self.processes.beat(process)
        self.store.add(job(id=f"of {process}"))
        assert self.store.claim(process, ["index"])

    def adopt_for(self, seconds: float) -> None:
        """Look every 3 s, as the upkeep does."""
        for _ in range(int(seconds / 3)):
            self.clock.seconds += 3
            self.jobs.adopt_orphans()

    def state_of(self, process: str) -> JobState:
        found = self.store.get(f"of {process}")
        assert found
        return found.state


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_what_is_enqueued_is_a_job_and_wakes_the_workers(queue: Queue) -> None:
    queue.jobs.enqueue("index", "d1", revision="r1", assistant_id="a1")

    assert queue.store.all() == [
        Job(
            id="index:d1:r1",
            kind="index",
            subject="d1",
            revision="r1",
            assistant_id="a1",
            state=JobState.QUEUED,
            process=None,
            attempts=0,
            error=None,
            created_at=NOW,
        )
    ]
    assert queue.arrived.is_set()


def test_the_same_revision_twice_is_one_job_and_another_is_another(
    queue: Queue,
) -> None:
    for revision in ("r1", "r2", "r1"):
        queue.jobs.enqueue("index", "d1", revision=revision, assistant_id="a1")
    queue.jobs.enqueue("mail", "d1", revision="r1", assistant_id="a1")

    assert len(queue.store.all()) == 3

    queue.jobs.remove_for_subject("d1")
    assert queue.store.all() == []


def test_what_is_not_stored_is_not_acknowledged(queue: Queue) -> None:
    jobs = queue.seeing(faulty(queue.store, Plan(at=1)))

    with pytest.raises(StoreUnavailable):
        jobs.enqueue("index", "d1", revision="r1", assistant_id="a1")

    assert not queue.arrived.is_set()


def test_the_job_of_a_silent_process_is_queued_again_with_its_attempt(
    queue: Queue,
) -> None:
    queue.claim("other")
    queue.claim("me")
    queue.jobs.adopt_orphans()

    queue.adopt_for(SILENCE - 3)
    assert queue.state_of("other") is JobState.RUNNING
    queue.adopt_for(3)

    assert queue.state_of("other") is JobState.QUEUED
    assert queue.state_of("me") is JobState.RUNNING
    assert queue.arrived.is_set()
    again = queue.store.claim("me", ["index"])
    assert again
    assert again.attempts == 2


def test_wall_clocks_play_no_part(queue: Queue) -> None:
    queue.claim("other")
    queue.jobs.adopt_orphans()
    queue.clock.wall = queue.clock.wall.replace(year=2040)
    queue.jobs.adopt_orphans()

    assert queue.state_of("other") is JobState.RUNNING


def test_a_process_that_beats_keeps_its_jobs(queue: Queue) -> None:
    queue.claim("other")
    for _ in range(20):
        queue.processes.beat("other")
        queue.adopt_for(9)

    assert queue.state_of("other") is JobState.RUNNING


def test_the_jobs_of_a_process_struck_off_by_somebody_else_are_queued_again(
    queue: Queue,
) -> None:
    queue.claim("other")
    queue.jobs.adopt_orphans()
    queue.processes.remove("other")
    queue.jobs.adopt_orphans()

    assert queue.state_of("other") is JobState.QUEUED


def test_jobs_that_nobody_runs_are_told_of(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.jobs.enqueue("index", "d1", revision="r1", assistant_id="a1")

    queue.jobs.warn_if_neglected()
    assert caplog.records == []
    queue.jobs.warn_if_neglected()
    [record] = caplog.records
    assert "WORKERS" in record.getMessage()

    caplog.clear()
    assert queue.store.claim("other", ["index"])
    queue.jobs.enqueue("index", "d2", revision="r1", assistant_id="a1")
    queue.jobs.warn_if_neglected()
    queue.jobs.warn_if_neglected()
    assert caplog.records == []


def test_what_could_not_be_queued_again_is_the_next_time(queue: Queue) -> None:
    queue.claim("other")
    queue.processes.remove("other")
    plan = Plan(at=2)
    failing = queue.seeing(faulty(queue.store, plan))

    with pytest.raises(StoreUnavailable):
        failing.adopt_orphans()
    assert queue.state_of("other") is JobState.RUNNING
    failing.adopt_orphans()

    assert plan.happened
    assert queue.state_of("other") is JobState.QUEUED
