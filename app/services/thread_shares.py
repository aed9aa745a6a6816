"""How much of the server's threads turns and streams may hold."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.errors import Busy

TURNS = 0.80
STREAMS = 0.15
FETCHES = 8  # at once: each may hold some 50 MB for a moment
WAITRESS_THREAD = "waitress-"
COUNTED_FOR = 1.0


class RequestThreads:
    """How many requests the server answers at the same time.

    Waitress names its threads, and those there are count; under another server,
    ours among them, the setting does.
    """

    def __init__(
        self, *, configured: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._configured = configured
        self._clock = clock
        self._counted = 0
        self._count_again = clock()

    def count(self) -> int:
        """Return how many there are, at most a second old."""
        if self._clock() >= self._count_again:
            self._counted = _count_waitress_threads()
            self._count_again = self._clock() + COUNTED_FOR
        return self._counted or self._configured


class ThreadShare:
    """So many of the request threads at the same time, and not one more."""

    def __init__(self, *, most: Callable[[], int]) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot in the block. Raises Busy when none is free."""
        with self._lock:
            if self._taken >= self._most():
                raise Busy
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def is_idle(self) -> bool:
        return self._taken == 0


def turn_share(threads: int) -> int:
    """Return how many of so many threads turns may hold: 80 % at most.

    A thread at least is left over, and one more for a stream where there are three.
    """
    streams = max(1, int(threads * STREAMS))
    return max(1, min(int(threads * TURNS), threads - streams - 1))


def stream_share(threads: int) -> int:
    """Return how many of so many threads streams may hold: 15 % at most, or one."""
    left_over = threads - turn_share(threads) - 1
    return max(0, min(max(1, int(threads * STREAMS)), left_over))


def fetch_share(threads: int) -> int:
    """Return how many of the streams' threads may fetch pages."""
    return min(FETCHES, stream_share(threads))


def _count_waitress_threads() -> int:
    return sum(
        thread.name.startswith(WAITRESS_THREAD) for thread in threading.enumerate()
    )
