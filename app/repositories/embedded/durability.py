"""Writes that survive a power cut: one sync for all who wait for it."""

import os
import threading
from collections.abc import Callable

from .errors import StoreUnavailable

_sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class WalSync:
    """Syncs SQLite's write-ahead log.

    Commits are numbered. Who needs number n on disk syncs all that was
    committed so far, unless another has just done so: under load, many writers
    share one sync.
    """

    def __init__(self, path: str) -> None:
        self._path = f"{path}-wal"
        self._file: int | None = None
        self._turn = threading.Lock()
        self.committed = 0
        self._synced = 0
        self._lost = 0

    @property
    def failed(self) -> bool:
        """Whether a sync failed: the log must be written back and begun anew."""
        return self._lost > 0

    def open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)

    def close(self) -> None:
        """Sync what somebody may be waiting for, and let go of the log."""
        with self._turn:
            if self._file is None:
                return
            try:
                if self._synced < self.committed:
                    self._sync()
            except (OSError, StoreUnavailable):
                self._lost = self.committed
            finally:
                os.close(self._file)
                self._file = None

    def wait_for(self, number: int, patience: float) -> None:
        if self._synced >= number:
            return
        if not self._turn.acquire(timeout=patience):
            raise StoreUnavailable("the disk takes too long to sync")
        try:
            if number <= self._lost:
                raise StoreUnavailable("the disk refused to sync")
            if self._synced < number:
                self._sync()
        finally:
            self._turn.release()

    def _sync(self) -> None:
        reached = self.committed
        if self._file is None or not os.fstat(self._file).st_nlink:
            raise StoreUnavailable("the store's log is gone")
        try:
            _sync_data(self._file)
        except OSError:
            # The system may have dropped what it could not write.
            self._lost = reached
            raise
        self._synced = reached

    def mend(self) -> None:
        """Note that the log was written back to the file and synced."""
        self._synced = self.committed
        self._lost = 0

    def hold(self) -> None:
        """Keep others from syncing, so that a fork does not copy a taken lock."""
        self._turn.acquire()

    def let_go(self) -> None:
        self._turn.release()
