import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import StorageFull

INCOMING = ".incoming"
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class DocumentFiles:
    """The bytes of documents, in a folder per assistant.

    A file is staged first and put in its place by a rename, so that no reader
    ever sees a part of it. Raises StorageFull when the disk is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def stage(self, assistant_id: str, name: str, data: bytes) -> None:
        """Write ``data`` durably beside the assistant's files, under ``name``."""
        staged = self.staged(assistant_id, name)
        with _space_errors():
            staged.parent.mkdir(parents=True, exist_ok=True)
            try:
                with staged.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                staged.unlink(missing_ok=True)
                raise

    def commit(self, assistant_id: str, name: str, filepath: str) -> None:
        """Put the staged file ``name`` in its place."""
        target = self.path(filepath)
        with _space_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            self.staged(assistant_id, name).replace(target)
            _sync_folder(target.parent)

    def discard(self, assistant_id: str, name: str) -> None:
        self.staged(assistant_id, name).unlink(missing_ok=True)

    def staged_since(self, seconds: float) -> list[tuple[str, str]]:
        """Return (assistant id, name) of files staged longer ago than that."""
        latest = time.time() - seconds
        found = []
        for file in self._root.glob(f"*/{INCOMING}/*"):
            with suppress(FileNotFoundError):  # put in its place this moment
                if file.stat().st_mtime < latest:
                    found.append((file.parent.parent.name, file.name))
        return found

    def staged(self, assistant_id: str, name: str) -> Path:
        """Return the place of a staged file, whether there is one or not."""
        return self._root / assistant_id / INCOMING / name

    def is_staged(self, assistant_id: str, name: str) -> bool:
        return self.staged(assistant_id, name).is_file()

    def path(self, filepath: str) -> Path:
        """Return the place of a file. Raises ValueError outside the folder."""
        path = (self._root / filepath).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError(filepath)
        return path

    def is_there(self, filepath: str) -> bool:
        return self.path(filepath).is_file()

    def remove(self, filepath: str) -> None:
        self.path(filepath).unlink(missing_ok=True)

    def remove_for_assistant(self, assistant_id: str) -> None:
        shutil.rmtree(self._root / assistant_id, ignore_errors=False, onerror=_gone)


@contextmanager
def _space_errors() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in NO_SPACE:
            raise StorageFull from exc
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _gone(
    _function: Callable[..., object], _path: str, info: tuple[object, object, object]
) -> None:
    """Let a removal pass over what somebody else has removed."""
    if isinstance(info[1], BaseException) and not isinstance(
        info[1], FileNotFoundError
    ):
        raise info[1]
