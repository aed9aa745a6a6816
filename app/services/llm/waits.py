"""How long to wait before a call is made again."""

import math
import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
LONGEST_DATE = 100  # characters


def retry_after(
    headers: Mapping[str, str], *, wall: Callable[[], float] = time.time
) -> float | None:
    """Return the seconds that the provider asks for; None: nothing sensible."""
    exact = _seconds(headers.get("retry-after-ms"))
    if exact is not None:
        return exact / 1000
    given = headers.get("retry-after")
    if not given or len(given) > LONGEST_DATE:
        return None
    seconds = _seconds(given)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(given).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, moment - wall()), LONGEST)


def backoff(base: float, tried: int) -> float:
    """Return a wait with jitter, doubled with each retry."""
    return base * (1 << tried) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads callers


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return min(seconds, LONGEST) if math.isfinite(seconds) and seconds >= 0 else None
