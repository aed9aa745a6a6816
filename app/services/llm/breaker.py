"""A breaker: an upstream that only fails is left alone for a while."""

import math
import threading
import time
from collections.abc import Callable

from app.errors import ProviderSuspended


class Breaker:
    """Opens after ``failures`` in a row; after ``pause`` seconds one call probes.

    Every ``enter`` is followed by one of ``succeeded``, ``failed`` and
    ``withdrawn`` (nothing was learned), which get what ``enter`` returned.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause: float = 30,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._pause = pause
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def enter(self) -> bool:
        """Return whether this call is the probe; raise if it may not go ahead."""
        if self._opened_at is None:
            return False
        with self._lock:
            if self._opened_at is None:
                return False
            left = self._opened_at + self._pause - self._now()
            if left > 0 or self._probing:
                raise ProviderSuspended(retry_after=max(1, math.ceil(left)))
            self._probing = True
            return True

    def succeeded(self, *, probe: bool) -> None:
        if not (probe or self._failures or self.is_open):
            return
        with self._lock:
            self._failures = 0
            self._opened_at = None
            if probe:
                self._probing = False

    def failed(self, *, probe: bool) -> None:
        with self._lock:
            self._failures += 1
            if probe:
                self._probing = False
            if probe or (self._failures >= self._limit and not self.is_open):
                self._opened_at = self._now()

    def withdrawn(self, *, probe: bool) -> None:
        if probe:
            with self._lock:
                self._probing = False
