"""Workers that are told to stop leave no job behind."""

import threading
from collections.abc import Callable, Iterator

import pytest

from app.models.job import Job, JobState
from app.services import workers as module
from app.services.workers import Interrupted, TryAgain
from tests.support.made import later
from tests.support.waiting import until
from tests.support.workshop import Shop, failing_with


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    made = Shop()
    yield made
    made.workers.close()


def test_an_interrupted_job_goes_back_as_if_it_had_not_been_begun(shop: Shop) -> None:
    running = threading.Event()

    def until_stopping(_job: Job, stopping: Callable[[], bool]) -> None:
        running.set()
        until(stopping)
        raise Interrupted

    shop.handler.script.append(until_stopping)
    shop.add()
    shop.add("j2", created_at=later(1))
    shop.start()
    assert running.wait(10)

    shop.stopping.set()

    until(lambda: shop.store.count(JobState.QUEUED) == 2)
    assert [found.attempts for found in shop.store.all()] == [0, 0]
    shop.workers.close()
    assert shop.handler.runs == [("j1", 1)]


def test_a_job_that_ends_soon_is_finished_before_the_process(shop: Shop) -> None:
    running = threading.Event()

    def take_leave(_job: Job, stopping: Callable[[], bool]) -> None:
        running.set()
        until(stopping)

    shop.handler.script.append(take_leave)
    shop.add()
    shop.start()
    assert running.wait(10)

    shop.workers.close()

    assert shop.store.all() == []


def test_a_job_that_does_not_end_is_given_back_and_ends_in_vain(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOPPING", 0.05)
    running, ended = threading.Event(), threading.Event()

    def stay(_job: Job, _stopping: Callable[[], bool]) -> None:
        running.set()
        ended.wait(10)

    shop.handler.script.append(stay)
    shop.add()
    shop.start()
    assert running.wait(10)

    shop.workers.close()

    left = shop.store.get("j1")
    assert left
    assert (left.state, left.attempts) == (JobState.QUEUED, 0)
    assert shop.store.claim("other", ["index"])
    ended.set()
    for thread in shop.workers._threads:
        thread.join(10)
    assert shop.store.processes() == ["other"]


def test_closing_without_a_store_is_no_error(shop: Shop) -> None:
    shop.handler.script.append(failing_with(TryAgain()))
    shop.add()
    shop.start()
    until(lambda: [j.attempts for j in shop.store.all()] == [0])
    until(lambda: shop.workers._held._waiting)
    shop.stopping.set()
    for thread in shop.workers._threads:
        thread.join(10)
    shop.plan._at = len(shop.plan.calls) + 1

    shop.workers.close()

    assert shop.plan.happened
    assert shop.store.processes() == ["me"]
