import time
from collections.abc import Callable, Collection
from typing import Protocol

SILENCE = 15.0
LONGEST_STEP = 5.0


class Processes(Protocol):
    def beat(self, process: str) -> None: ...
    def beats(self) -> dict[str, int]: ...
    def remove(self, process: str) -> None: ...


class Locks(Protocol):
    def hold(self, process: str) -> None: ...
    def is_abandoned(self, process: str) -> bool: ...
    def remove(self, process: str) -> None: ...


class Presence:
    """Which server processes on this store live.

    One that shares our data folder holds a lock there while it lives. Elsewhere,
    each counts up in the store every few seconds, and one whose count has not
    moved for 15 s of our own monotonic clock is dead; wall clocks play no part, so
    they may jump. However long we could not look, that counts for 5 s at most: while
    the store is away nobody's count can move.
    """

    def __init__(
        self,
        *,
        process: str,
        processes: Processes,
        locks: Locks,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = process
        self._processes = processes
        self._locks = locks
        self._monotonic = monotonic
        self._looked = monotonic()
        self._silent: dict[str, tuple[int, float]] = {}

    def arrive(self) -> None:
        """Show that this process lives, from here to its end."""
        self._locks.hold(self.process)

    def beat(self) -> None:
        self._processes.beat(self.process)

    def find_dead(self) -> list[str]:
        """Look at everybody's count and return who has died."""
        beats = self._processes.beats()
        now = self._monotonic()
        step, self._looked = min(now - self._looked, LONGEST_STEP), now
        self._silent = {
            name: (beat, seen[1] + step)
            if (seen := self._silent.get(name)) and seen[0] == beat
            else (beat, 0.0)
            for name, beat in beats.items()
        }
        return [
            name
            for name, (_, silence) in self._silent.items()
            if name != self.process
            and (silence >= SILENCE or self._locks.is_abandoned(name))
        ]

    def find_gone(self, processes: Collection[str]) -> list[str]:
        """Return those that have died, or were struck off before."""
        dead = set(self.find_dead())
        return [
            name
            for name in processes
            if name != self.process and (name in dead or name not in self._silent)
        ]

    def forget(self, process: str) -> None:
        """Strike a process off, once nothing of it is left to clear up."""
        self._processes.remove(process)
        self._locks.remove(process)
