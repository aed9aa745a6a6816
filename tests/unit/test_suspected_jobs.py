"""Jobs whose process has died: run again, but so that a poison is told from bad luck."""

import threading
from collections.abc import Callable, Iterator

import pytest

from app.models.job import Job, JobState
from app.services import workers as module
from app.services.workers import QUIET
from tests.support.made import later
from tests.support.waiting import until
from tests.support.workshop import Shop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    made = Shop()
    yield made
    made.workers.close()


def put_aside(shop: Shop) -> None:
    """Wait until every job there is waits for its quiet while to pass."""
    count = len(shop.store.all())
    until(lambda: len(shop.workers._held._waiting) == count)


@pytest.mark.parametrize(("deaths", "quiet"), [(1, QUIET[0]), (2, QUIET[1])])
def test_what_ran_when_its_process_died_runs_again_after_a_quiet_while(
    shop: Shop, deaths: int, quiet: float
) -> None:
    shop.add(attempts=deaths)
    shop.start()
    put_aside(shop)

    shop.clock.seconds += quiet - 0.5
    shop.add("fresh")
    until(lambda: shop.handler.runs == [("fresh", 1)])
    shop.clock.seconds += 0.5
    shop.arrived.set()

    shop.until_done()
    assert shop.handler.runs == [("fresh", 1), ("j1", deaths + 1)]


def test_deaths_in_the_quiet_while_are_not_held_against_it() -> None:
    first = Shop()
    first.add(attempts=2)
    for _ in range(10):
        shop = Shop()
        shop.store._jobs = first.store._jobs
        shop.start()
        put_aside(shop)
        shop.store.give_back_all("me")  # as for a process that has died
        shop.stopping.set()
        shop.arrived.set()

    [left] = first.store.all()
    assert (left.state, left.attempts) == (JobState.QUEUED, 2)
    assert shop.handler.runs == []


def test_suspects_run_one_at_a_time_and_others_beside_them(shop: Shop) -> None:
    running: set[str] = set()
    seen: list[set[str]] = []
    go_on = threading.Event()

    def run(job: Job, _stopping: Callable[[], bool]) -> None:
        running.add(job.id)
        seen.append(set(running))
        if job.id.startswith("suspect"):
            assert go_on.wait(10)
        running.remove(job.id)

    shop.handler.script.extend([run] * 5)
    for n in range(3):
        shop.add(f"suspect{n}", attempts=1)
    shop.start(3)
    put_aside(shop)

    shop.clock.seconds += QUIET[0]
    shop.arrived.set()
    until(lambda: running)
    for n in range(2):
        shop.add(f"fresh{n}", created_at=later(n))
    until(lambda: len(shop.handler.runs) == 3)
    go_on.set()
    shop.wait_out(5)

    shop.until_done()
    assert all(
        sum(name.startswith("suspect") for name in together) <= 1 for together in seen
    )
    assert any(len(together) == 2 for together in seen)


def test_the_third_death_parks_it_at_once(shop: Shop) -> None:
    shop.add(attempts=3)
    shop.start()

    assert shop.until_parked().error == "poisoned"
    assert shop.handler.runs == []
