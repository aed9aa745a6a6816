"""How much of the server's threads turns may hold."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Busy

TURNS = 0.80
STREAMS = 0.15
WAITRESS_THREAD = "waitress-"


class TurnSlots:
    """At most 80 % of the request threads answer messages at the same time.

    The threads are counted when they are there: waitress names its own, under
    another server the setting counts. One thread at least is always left over.
    """

    def __init__(self, *, configured_threads: int) -> None:
        self._configured = configured_threads
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot in the block. Raises Busy when none is free."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        """Raises Busy when none is free."""
        with self._lock:
            if self._taken >= turn_share(self.threads()):
                raise Busy
            self._taken += 1

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1

    def is_idle(self) -> bool:
        return self._taken == 0

    def threads(self) -> int:
        return count_waitress_threads() or self._configured


def count_waitress_threads() -> int:
    return sum(
        thread.name.startswith(WAITRESS_THREAD) for thread in threading.enumerate()
    )


def turn_share(threads: int) -> int:
    """Return how many of so many threads turns may hold."""
    streams = max(1, int(threads * STREAMS))
    return max(1, min(int(threads * TURNS), threads - streams - 1))
