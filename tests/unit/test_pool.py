import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app.server.pool import ThreadPool
from tests.support.waiting import until


@dataclass
class Job:
    run: Callable[[], None] = lambda: None
    thread: str = ""
    cancelled: bool = False
    done: bool = False

    def service(self) -> None:
        self.thread = threading.current_thread().name
        self.run()
        self.done = True

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    made = ThreadPool(most=3)
    yield made
    made.shutdown()


def test_one_after_the_other_runs_on_one_thread(pool: ThreadPool) -> None:
    jobs = [Job() for _ in range(10)]
    for job in jobs:
        pool.add_task(job)
        until(lambda: len(pool._idle) == pool._started)

    assert {job.thread for job in jobs} == {"request-0"}


def test_at_once_they_run_on_as_many_threads_as_there_may_be(pool: ThreadPool) -> None:
    go_on = threading.Event()
    jobs = [Job(run=go_on.wait) for _ in range(5)]  # type: ignore[arg-type]
    for job in jobs:
        pool.add_task(job)
    until(lambda: all(job.thread for job in jobs[:3]))
    assert not any(job.thread for job in jobs[3:])
    go_on.set()
    until(lambda: all(job.done for job in jobs))

    assert len({job.thread for job in jobs}) == 3


def test_the_thread_idle_last_is_taken_first(pool: ThreadPool) -> None:
    doors = [threading.Event() for _ in range(3)]
    jobs = [Job(run=door.wait) for door in doors]  # type: ignore[arg-type]
    for job in jobs:
        pool.add_task(job)
    for n in (2, 0, 1):
        doors[n].set()
        until(lambda: jobs[n].done and len(pool._idle) == sum(j.done for j in jobs))  # noqa: B023
    again = Job()
    pool.add_task(again)
    until(lambda: again.done)

    assert again.thread == jobs[1].thread


def test_a_job_that_breaks_does_not_take_its_thread_along(pool: ThreadPool) -> None:
    def exit_thread() -> None:
        raise SystemExit

    for _ in range(5):
        pool.add_task(Job(run=exit_thread))
    after = Job()
    pool.add_task(after)

    until(lambda: after.done)


def test_without_a_further_thread_it_goes_on_with_those_there_are(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    pool.add_task(Job(run=go_on.wait))  # type: ignore[arg-type]

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", refuse)
    after = Job()
    pool.add_task(after)
    go_on.set()

    until(lambda: after.done)
    assert after.thread == "request-0"


def test_at_the_end_what_waits_is_cancelled() -> None:
    pool = ThreadPool(most=1)
    go_on = threading.Event()
    running, waiting = Job(run=go_on.wait), Job()  # type: ignore[arg-type]
    pool.add_task(running)
    pool.add_task(waiting)

    pool.shutdown()
    go_on.set()

    until(lambda: running.done)
    assert waiting.cancelled
    assert not waiting.done
