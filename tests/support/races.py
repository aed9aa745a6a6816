"""Many threads doing a thing at the same instant."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

THREADS = 32


def at_once(work: Callable[[int], T], *, threads: int = THREADS) -> list[T]:
    """Return what ``work`` gave to each of the threads, by number."""
    barrier = threading.Barrier(threads)

    def run(number: int) -> T:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))
