"""Workers run each job to its end, or say why not."""

import threading
from collections.abc import Callable, Iterator

import pytest

from app.errors import AppError, DocumentEmpty, StorageFull, StoreUnavailable
from app.models.job import Job, JobState
from app.services import workers as module
from app.services.workers import TryAgain
from tests.support.made import job, later
from tests.support.waiting import until
from tests.support.workshop import Shop, failing_with


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    made = Shop()
    yield made
    made.workers.close()


def test_jobs_are_done_in_the_order_of_their_age(shop: Shop) -> None:
    for n in (3, 1, 2):
        shop.add(f"j{n}", created_at=later(n))
    shop.start()

    shop.until_done()

    assert shop.handler.runs == [("j1", 1), ("j2", 1), ("j3", 1)]


def test_a_local_job_is_begun_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 3600.0)
    shop.start(3)
    until(lambda: len(shop.plan.calls) >= 3)

    for n in range(10):
        shop.add(f"j{n}")

    shop.until_done()
    until(lambda: not shop.arrived.is_set())  # then nobody looks on and on


def test_the_job_of_another_process_is_found_by_looking(shop: Shop) -> None:
    shop.start()
    until(lambda: len(shop.plan.calls) >= 3)

    shop.store.add(job(id="j1"))

    shop.until_done()


def test_so_many_jobs_as_there_are_workers_run_at_once(shop: Shop) -> None:
    together = threading.Barrier(3)

    def meet(_job: Job, _stopping: Callable[[], bool]) -> None:
        names.append(threading.current_thread().name)
        together.wait(10)

    names: list[str] = []
    shop.handler.script.extend([meet, meet, meet])
    for n in range(3):
        shop.add(f"j{n}")
    shop.start(3)

    shop.until_done()

    assert sorted(names) == ["worker-1", "worker-2", "worker-3"]


def test_no_workers_run_nothing(shop: Shop) -> None:
    shop.add()
    shop.start(0)

    assert shop.workers._threads == []
    assert shop.store.count(JobState.QUEUED) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(DocumentEmpty(), "document_empty"), (ZeroDivisionError(), AppError.code)],
)
def test_the_third_failure_parks_a_job_with_its_code_and_others_go_on(
    shop: Shop, error: Exception, code: str
) -> None:
    shop.handler.script.extend([failing_with(error)] * 3)
    shop.add()
    shop.start()
    shop.wait_out(3)

    assert shop.until_parked().error == code
    assert shop.handler.runs == [("j1", 1), ("j1", 2), ("j1", 3)]
    assert shop.handler.given_up == [("j1", code)]
    shop.add("j2")
    until(lambda: shop.store.get("j2") is None)


@pytest.mark.parametrize("error", [TryAgain(1), StoreUnavailable(), StorageFull()])
def test_what_nobody_here_can_help_is_tried_again_for_ever(
    shop: Shop, error: Exception
) -> None:
    shop.handler.script.extend([failing_with(error)] * 9)
    shop.add()
    shop.start()
    shop.wait_out(10)

    shop.until_done()
    assert set(shop.handler.runs) == {("j1", 1)}
    assert shop.handler.given_up == []


def test_a_job_that_has_ended_three_processes_is_parked_without_a_run(
    shop: Shop,
) -> None:
    shop.add(attempts=3)
    shop.add("j2", created_at=later(1))
    shop.start()

    assert shop.until_parked().error == "poisoned"
    assert shop.handler.given_up == [("j1", "poisoned")]
    until(lambda: shop.store.get("j2") is None)
    assert shop.handler.runs == [("j2", 1)]


def test_a_job_is_parked_once_its_giving_up_is_stored(shop: Shop) -> None:
    shop.handler.giving_up.extend([StoreUnavailable(), StorageFull()])
    shop.add(attempts=3)
    shop.start()

    shop.until_parked()
    assert shop.handler.given_up == [("j1", "poisoned")]


def test_a_handler_that_cannot_give_up_does_not_hold_a_worker(shop: Shop) -> None:
    shop.handler.giving_up.append(ZeroDivisionError())
    shop.add(attempts=3)
    shop.start()

    assert shop.until_parked().error == "poisoned"


def test_a_job_done_while_the_store_goes_away_is_done_once(shop: Shop) -> None:
    def lose_the_store(_job: Job, _stopping: Callable[[], bool]) -> None:
        shop.plan._at = len(shop.plan.calls) + 1

    shop.handler.script.append(lose_the_store)
    shop.add()
    shop.start()

    shop.until_done()
    assert shop.plan.happened
    assert shop.handler.runs == [("j1", 1)]


def test_workers_survive_a_store_that_is_away(shop: Shop) -> None:
    shop.plan._at = 1
    shop.add()
    shop.start()

    shop.until_done()
    assert shop.plan.happened
    assert shop.handler.runs == [("j1", 1)]
