"""A process's jobs: none lost, none kept by two, whatever the store answers."""

from collections.abc import Callable

import pytest

from app.errors import StoreUnavailable
from app.models.job import JobState
from app.services.held_jobs import Held, HeldJobs
from tests.support.conversation import Clock
from tests.support.fake_jobs import FakeJobs
from tests.support.faults import Mode, Plan, faulty
from tests.support.made import job, later

LOST: list[Mode] = ["refused", "answer lost"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> FakeJobs:
    made = FakeJobs()
    made.add(job(id="j1"))
    return made


@pytest.fixture
def mine(store: FakeJobs, clock: Clock) -> HeldJobs:
    return seen(store, clock)


def seen(store: FakeJobs, clock: Clock, process: str = "me") -> HeldJobs:
    return HeldJobs(
        process=process, jobs=store, kinds=["index"], monotonic=clock.monotonic
    )


def taken(held_jobs: HeldJobs) -> Held:
    held = held_jobs.take()
    assert held is not None
    return held


def attempts(store: FakeJobs, job_id: str = "j1") -> int:
    found = store.get(job_id)
    assert found
    return found.attempts


def due_after(mine: HeldJobs, clock: Clock, seconds: float) -> Held:
    """Return the job put off, which is due then and not before."""
    clock.seconds += seconds - 0.5
    assert mine.take() is None
    clock.seconds += 0.5
    return taken(mine)


def test_a_finished_job_is_gone_and_the_next_one_comes(
    mine: HeldJobs, store: FakeJobs
) -> None:
    store.add(job(id="j2", created_at=later(1)))

    mine.finish(taken(mine))

    assert taken(mine).job.id == "j2"
    assert mine.take() is None


def test_one_assistant_s_many_jobs_do_not_keep_another_s_waiting(
    mine: HeldJobs, store: FakeJobs
) -> None:
    for n in range(1000):
        store.add(job(id=f"many{n}", assistant_id="many", created_at=later(n)))
    mine.finish(taken(mine))
    mine.finish(taken(mine))
    store.add(job(id="single", assistant_id="another", created_at=later(2000)))

    nearest = [taken(mine).job.id for _ in range(2)]

    assert "single" in nearest


def test_a_job_given_back_was_not_begun(mine: HeldJobs, store: FakeJobs) -> None:
    for _ in range(5):
        held = taken(mine)
        assert held.job.attempts == 1
        mine.give_back(held)

    assert attempts(store) == 0
    assert store.count(JobState.QUEUED) == 1


def test_a_job_put_off_comes_later_and_later_up_to_a_limit(
    mine: HeldJobs, store: FakeJobs, clock: Clock
) -> None:
    held = taken(mine)
    for delay in (5, 15, 60, 300, 300):
        mine.put_off(held, counted=False)
        assert mine.seconds_to_next() == delay
        assert attempts(store) == 0
        held = due_after(mine, clock, delay)
        assert held.job.attempts == attempts(store) == 1
    assert mine.seconds_to_next() is None


@pytest.mark.parametrize(
    ("first", "delays"),
    [(1, (1, 3, 12, 60, 60)), (40, (40, 120, 300)), (3600, (300, 300))],
)
def test_the_first_delay_may_be_named_and_the_others_grow_with_it(
    mine: HeldJobs, clock: Clock, first: float, delays: tuple[float, ...]
) -> None:
    held = taken(mine)
    for delay in delays:
        mine.put_off(held, counted=False, first=first)
        held = due_after(mine, clock, delay)


def test_failed_attempts_count_up(
    mine: HeldJobs, store: FakeJobs, clock: Clock
) -> None:
    held = taken(mine)
    for count, delay in ((1, 5), (2, 15)):
        assert held.job.attempts == attempts(store) == count
        mine.put_off(held, counted=True)
        held = due_after(mine, clock, delay)

    assert held.job.attempts == attempts(store) == 3


def test_a_job_put_off_does_not_keep_others_waiting(
    mine: HeldJobs, store: FakeJobs
) -> None:
    mine.put_off(taken(mine), counted=False)
    store.add(job(id="j2", created_at=later(1)))

    assert taken(mine).job.id == "j2"


def test_a_job_put_off_that_was_given_to_another_is_not_run_here(
    mine: HeldJobs, store: FakeJobs, clock: Clock
) -> None:
    mine.put_off(taken(mine), counted=False)
    store.give_back_all("me")
    other = seen(store, clock, "other")
    assert taken(other).job.attempts == 1

    clock.seconds += 5
    assert mine.take() is None
    assert attempts(store) == 1


@pytest.mark.parametrize(
    "end",
    [
        lambda mine, held: mine.finish(held),
        lambda mine, held: mine.give_back(held),
        lambda mine, held: mine.park(held, "broken"),
        lambda mine, held: mine.put_off(held, counted=False),
    ],
)
def test_what_another_was_given_meanwhile_is_theirs(
    mine: HeldJobs,
    store: FakeJobs,
    clock: Clock,
    end: Callable[[HeldJobs, Held], None],
) -> None:
    held = taken(mine)
    store.give_back_all("me")
    taken(seen(store, clock, "other"))
    before = store.get("j1")

    end(mine, held)

    assert store.get("j1") == before


def test_a_job_that_runs_here_is_not_begun_a_second_time(
    mine: HeldJobs, store: FakeJobs
) -> None:
    held = taken(mine)
    store.give_back_all("me")  # somebody thought that we were dead
    store.add(job(id="j2", created_at=later(1)))

    assert taken(mine).job.id == "j2"
    assert mine.take() is None

    mine.finish(held)
    assert store.get("j1") is None


def test_a_job_queued_anew_while_it_ends_here_is_run_anew(
    mine: HeldJobs, store: FakeJobs
) -> None:
    held = taken(mine)
    store.finish("j1", "me")  # another thread has got as far as this with it
    store.add(job(id="j1", revision="r2"))
    assert mine.take() is None

    mine._let_go(held.job.id)

    again = taken(mine).job
    assert (again.revision, again.attempts) == ("r2", 1)


@pytest.mark.parametrize("mode", LOST)
def test_a_claim_without_an_answer_loses_no_job(
    store: FakeJobs, clock: Clock, mode: Mode
) -> None:
    mine = seen(faulty(store, Plan(at=1, mode=mode)), clock)

    with pytest.raises(StoreUnavailable):
        mine.take()

    assert taken(mine).job.attempts == 1


@pytest.mark.parametrize("mode", LOST)
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("at", range(1, 8))
def test_whatever_call_fails_a_job_put_off_and_finished_is_run_once_more(
    store: FakeJobs, clock: Clock, at: int, mode: Mode, *, counted: bool
) -> None:
    plan = Plan(at=at, mode=mode)
    mine = seen(faulty(store, plan), clock)

    def insist(call: Callable[[], Held | None]) -> Held | None:
        try:
            return call()
        except StoreUnavailable:
            return call()

    def take() -> Held:
        held = insist(mine.take)
        assert held
        return held

    held = take()
    insist(lambda: mine.put_off(held, counted=counted))
    assert attempts(store) == int(counted)
    clock.seconds += 5
    again = take()
    assert again.job.attempts == attempts(store) == 1 + int(counted)
    insist(lambda: mine.finish(again))

    assert store.all() == []
    assert insist(mine.take) is None
    assert plan.happened is (at <= len(plan.calls))


def test_at_the_end_everything_goes_back_and_what_runs_was_not_begun(
    mine: HeldJobs, store: FakeJobs, clock: Clock
) -> None:
    for n in (2, 3):
        store.add(job(id=f"j{n}", created_at=later(n)))
    mine.put_off(taken(mine), counted=True)
    mine.put_off(taken(mine), counted=False)
    running = taken(mine)

    mine.give_back_all()

    assert [attempts(store, f"j{n}") for n in (1, 2, 3)] == [1, 0, 0]
    assert store.count(JobState.QUEUED) == 3
    taken(seen(store, clock, "other"))
    mine.finish(running)
    assert len(store.all()) == 3
