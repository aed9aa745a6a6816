import fcntl
import os
from pathlib import Path


class ProcessLocks:
    """A locked file for each living server process that shares this folder.

    The system lets go of the lock when the process ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def hold(self, process: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(process), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._held[process] = handle

    def is_abandoned(self, process: str) -> bool:
        """Tell whether a process has ended; False when we cannot know here."""
        try:
            handle = os.open(self._path(process), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(handle)

    def remove(self, process: str) -> None:
        self._path(process).unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of what this object holds, as the process's end would."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _path(self, process: str) -> Path:
        return self._folder / f"{process}.lock"
