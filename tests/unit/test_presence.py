"""Who lives: by heartbeats on one's own clock, and by locks where they are seen."""

import pytest

from app.errors import StoreUnavailable
from app.services.presence import SILENCE, Presence
from tests.support.conversation import Clock
from tests.support.fakes import FakeProcesses


class Locks:
    def __init__(self) -> None:
        self.held: set[str] = set()
        self.abandoned: set[str] = set()

    def hold(self, process: str) -> None:
        self.held.add(process)

    def is_abandoned(self, process: str) -> bool:
        return process in self.abandoned

    def remove(self, process: str) -> None:
        self.abandoned.discard(process)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def locks() -> Locks:
    return Locks()


@pytest.fixture
def presence(processes: FakeProcesses, locks: Locks, clock: Clock) -> Presence:
    return Presence(
        process="me", processes=processes, locks=locks, monotonic=clock.monotonic
    )


def watch(presence: Presence, clock: Clock, seconds: float) -> list[str]:
    """Look every 3 s for so long; return who is dead at the end."""
    for _ in range(int(seconds / 3)):
        clock.seconds += 3
        dead = presence.find_dead()
    return dead


def test_a_process_that_is_silent_for_15_seconds_is_dead(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    processes.beat("other")
    assert presence.find_dead() == []

    assert watch(presence, clock, SILENCE - 3) == []
    assert watch(presence, clock, 3) == ["other"]


def test_a_heartbeat_starts_the_count_anew(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    processes.beat("other")
    presence.find_dead()
    watch(presence, clock, 12)
    processes.beat("other")

    assert watch(presence, clock, 15) == []
    assert watch(presence, clock, 3) == ["other"]


def test_wall_clocks_play_no_part(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    processes.beat("other")
    presence.find_dead()
    clock.wall = clock.wall.replace(year=2030)

    assert presence.find_dead() == []


def test_a_process_never_finds_itself_dead(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    presence.beat()
    presence.find_dead()

    assert processes.beats() == {"me": 1}
    assert watch(presence, clock, 60) == []


def test_a_process_starts_watching_when_it_first_looks(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    processes.beat("other")
    clock.seconds += 1000

    assert presence.find_dead() == []


def test_while_the_store_is_away_nobody_dies(
    presence: Presence,
    processes: FakeProcesses,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes.beat("other")
    presence.find_dead()
    watch(presence, clock, 3)
    with monkeypatch.context() as patched:

        def away() -> dict[str, int]:
            raise StoreUnavailable

        patched.setattr(processes, "beats", away)
        for _ in range(20):
            clock.seconds += 3
            with pytest.raises(StoreUnavailable):
                presence.find_dead()

    assert presence.find_dead() == []
    assert watch(presence, clock, 6) == []
    assert watch(presence, clock, 3) == ["other"]


def test_a_process_whose_lock_is_abandoned_is_dead_at_once(
    presence: Presence, processes: FakeProcesses, locks: Locks
) -> None:
    processes.beat("other")
    processes.beat("living")
    locks.abandoned = {"other", "stranger"}

    assert presence.find_dead() == ["other"]

    presence.forget("other")
    assert presence.find_dead() == []
    assert processes.beats() == {"living": 1}
    assert locks.abandoned == {"stranger"}


def test_who_arrives_holds_a_lock(presence: Presence, locks: Locks) -> None:
    assert locks.held == set()
    presence.arrive()
    assert locks.held == {"me"}


def test_a_process_counted_dead_that_beats_again_is_watched_anew(
    presence: Presence, processes: FakeProcesses, clock: Clock
) -> None:
    processes.beat("other")
    presence.find_dead()
    assert watch(presence, clock, 15) == ["other"]
    presence.forget("other")
    presence.find_dead()
    processes.beat("other")

    assert watch(presence, clock, 15) == []


def test_gone_are_the_dead_and_those_struck_off(
    presence: Presence, processes: FakeProcesses, locks: Locks
) -> None:
    for process in ("dead", "living"):
        processes.beat(process)
    locks.abandoned = {"dead"}

    assert presence.find_gone(["dead", "living", "struck off", "me"]) == [
        "dead",
        "struck off",
    ]
    assert presence.find_gone([]) == []
