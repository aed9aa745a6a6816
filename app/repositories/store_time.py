"""How long a request may keep the store busy, or wait for it."""

import logging
from contextvars import ContextVar
from time import monotonic

from app.errors import StoreUnavailable

log = logging.getLogger(__name__)


class StoreTime:
    """So many seconds in the store, for one thread at a time.

    What is done outside it gives them back, a second for a second: who waits for
    something else, and looks at the store now and then, does not use them up.
    """

    __slots__ = ("_left", "_most", "_since", "_told", "running")

    def __init__(self, seconds: float) -> None:
        self._most = self._left = seconds
        self._since = monotonic()
        self.running = False
        self._told = False

    def begin(self) -> None:
        """Count from here to ``end``; not to be called while it is ``running``.

        Raises StoreUnavailable when the seconds are used up; what has begun may end.
        """
        now = monotonic()
        left = self._left + now - self._since
        if left <= 0:
            self._refuse()
        self._left = left if left < self._most else self._most  # noqa: FURB136 - quicker
        self._since = now
        self.running = True

    def end(self) -> None:
        now = monotonic()
        self._left -= now - self._since
        self._since = now
        self.running = False

    def _refuse(self) -> None:
        if not self._told:
            self._told = True
            log.warning("store time used up", extra={"seconds": self._most})
        raise StoreUnavailable


store_time: ContextVar[StoreTime | None] = ContextVar("store_time", default=None)


def limit_store_time(seconds: float | None) -> None:
    """Give what follows in this context so many seconds; None: any number."""
    store_time.set(None if seconds is None else StoreTime(seconds))
