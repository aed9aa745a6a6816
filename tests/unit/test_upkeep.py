"""What runs by itself goes on whatever fails."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.errors import StoreUnavailable
from app.services import upkeep as module
from app.services.presence import Presence
from app.services.upkeep import Upkeep
from tests.support.conversation import NoLocks
from tests.support.fakes import FakeProcesses

Make = Callable[..., Upkeep]


class Task:
    """Counts its runs; the first ``failures`` of them fail with ``error``."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.runs = 0
        self._failures = failures
        self._error = error or StoreUnavailable()

    def __call__(self) -> None:
        self.runs += 1
        if self.runs <= self._failures:
            raise self._error


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, processes: FakeProcesses) -> Iterator[Make]:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    made: list[Upkeep] = []

    def make(
        prepare: Task | None = None,
        often: tuple[Task, ...] = (),
        seldom: tuple[Task, ...] = (),
    ) -> Upkeep:
        upkeep = Upkeep(
            presence=Presence(process="me", processes=processes, locks=NoLocks()),
            prepare=prepare or Task(),
            often=often,
            seldom=seldom,
        )
        made.append(upkeep)
        return upkeep

    yield make
    for upkeep in made:
        upkeep.stop()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come to that")


def test_tasks_run_often_and_seldom_and_the_heart_beats(
    make: Make, processes: FakeProcesses
) -> None:
    often, seldom, prepare = Task(), Task(), Task()
    make(prepare, (often,), (seldom,)).start()

    until(lambda: often.runs > 5)

    assert seldom.runs == 1
    assert prepare.runs == 1
    assert processes.beats()["me"] > 3


def test_the_heart_has_beaten_before_the_first_request(
    make: Make, processes: FakeProcesses
) -> None:
    assert processes.beats() == {}
    make().start()

    assert processes.beats()["me"] >= 1


@pytest.mark.parametrize("error", [StoreUnavailable(), ZeroDivisionError()])
def test_a_task_that_fails_stops_no_other(make: Make, error: Exception) -> None:
    failing, well = Task(10**6, error), Task()
    make(often=(failing, well)).start()

    until(lambda: well.runs > 3)

    assert failing.runs >= well.runs


def test_what_prepares_runs_until_it_has_succeeded(make: Make) -> None:
    prepare, often = Task(failures=3), Task()
    make(prepare, (often,)).start()

    until(lambda: often.runs > 8)

    assert prepare.runs == 4


def test_the_heart_beats_however_long_a_task_takes(
    make: Make, processes: FakeProcesses
) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        go_on.wait(20)

    make(often=(slow,)).start()
    assert started.wait(2)
    before = processes.beats()["me"]

    try:
        until(lambda: processes.beats()["me"] > before + 3)
    finally:
        go_on.set()


def test_stopping_waits_for_the_task_that_runs(make: Make) -> None:
    started, ended = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        time.sleep(0.1)
        ended.set()

    upkeep = make(often=(slow,))
    upkeep.start()
    assert started.wait(2)

    upkeep.stop()

    assert ended.is_set()


def test_stopping_what_never_started_is_nothing(make: Make) -> None:
    make().stop()
