import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

SECONDS = 0.5
MOST = 2_000


class Recent(Generic[T]):
    """What was read in the last half second, so that a burst reads it once.

    ``clear`` it after each write of this process; what another process writes is
    seen half a second later at the most.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cleared = 0
        self._found: dict[Hashable, tuple[float, T]] = {}

    def get(self, key: Hashable) -> T | None:
        found = self._found.get(key)
        return found[1] if found and found[0] > self._clock() else None

    def mark(self) -> int:
        """Return what ``put`` needs to know of the time before the reading."""
        return self._cleared

    def put(self, key: Hashable, value: T, mark: int) -> None:
        """Keep what was read after ``mark``, unless something was written since."""
        with self._lock:
            if mark != self._cleared:
                return
            if len(self._found) >= MOST:
                self._found.clear()
            self._found[key] = (self._clock() + SECONDS, value)

    def clear(self) -> None:
        with self._lock:
            self._cleared += 1
            self._found.clear()
