"""The file under the store: whether it is still there, and the lock beside it."""

import fcntl
import os
import time
from pathlib import Path

from .errors import StoreUnavailable

LOCK_WAIT = 2.5
LONGEST_WAIT = 10.0
"""Seconds that a writer waits for those before it, while they get on."""
_LOOK_AGAIN = 0.05
_FIRST_NAP, _LONGEST_NAP = 0.0002, 0.004


class StoreFile:
    """Notices when the file is deleted, moved away or replaced.

    A store that vanished is never made anew while the process lives: writing
    into an empty one would hide the loss. It works again as soon as the file is
    back, be it the same one or a copy restored from a backup.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        self._looked_at = 0.0

    def create(self) -> None:
        """Make the file, readable by its owner alone, unless it is there."""
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    def remember(self) -> None:
        self._identity = self._look()

    def replaced(self) -> bool:
        """Tell whether another file stands there; raise when none does."""
        return self._look() != self._identity

    def check(self) -> None:
        """Raise unless the file we opened is still at its place."""
        if self.replaced():
            raise StoreUnavailable("the store's file was replaced")
        self._looked_at = time.monotonic()

    def glance(self) -> None:
        """Check now and then: enough for reading."""
        if time.monotonic() - self._looked_at > _LOOK_AGAIN:
            self.check()

    def _look(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - on the way of every write
        except OSError as error:
            raise StoreUnavailable(
                f"the store's file is gone: {error.strerror}"
            ) from error
        return found.st_dev, found.st_ino


class FileLock:
    """One writer among all processes; freed by the system when its holder dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self, deadline: float) -> None:
        nap = _FIRST_NAP
        file = self._file if self._file is not None else self._open()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        "another process holds the store's lock"
                    ) from None
                time.sleep(nap)
                nap = min(nap * 1.5, _LONGEST_NAP)
            else:
                return

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        try:
            self._file = os.open(
                self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StoreUnavailable(
                f"the store's lock cannot be opened: {error.strerror}"
            ) from error
        return self._file
