import time
from collections.abc import Callable

WITHIN = 10.0


def until(condition: Callable[[], object], *, seconds: float = WITHIN) -> None:
    """Wait until a condition holds, and fail when it does not in time."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)
