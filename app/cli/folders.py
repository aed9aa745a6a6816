"""The files of a folder, as documents."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import DocumentTypeUnsupported
from app.extraction.formats import FORMATS
from app.extraction.text_reading import check_extension

HIDDEN = (".", "~$")  # the second: what an office program has open


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFile:
    """A file below a folder: ``name`` is its path from there, with slashes.

    ``skipped`` and ``failed`` say why it is not to be read, if so; ``size`` in bytes.
    ``extension`` is the format's.
    """

    name: str
    path: Path
    extension: str = ""
    size: int = 0
    skipped: str | None = None
    failed: str | None = None


class _Skipped(Exception):
    """A file that is not to be read; the words say why."""


def files_below(folder: Path) -> Iterator[FolderFile]:
    """Yield all files in order, and each hidden folder in the place of its own.

    Links to files of the folder are files.
    """
    root = folder.resolve()
    folders = [""]
    while folders:
        within = folders.pop()
        try:
            entries = sorted(os.scandir(root / within), key=lambda entry: entry.name)
        except OSError as exc:
            yield FolderFile(
                name=within or ".", path=root / within, failed=exc.strerror
            )
            continue
        deeper = []
        for entry in entries:
            name = f"{within}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(HIDDEN):
                    deeper.append(f"{name}/")
                    continue
                name = f"{name}/"
            yield _looked_at(root, name)
        folders += reversed(deeper)


def _looked_at(root: Path, name: str) -> FolderFile:
    path = root / name
    try:
        return _file(root, name, path)
    except _Skipped as exc:
        return FolderFile(name=name, path=path, skipped=str(exc))
    except UnicodeEncodeError:
        return FolderFile(name=name, path=path, failed="Its name is not UTF-8.")
    except OSError as exc:
        return FolderFile(name=name, path=path, failed=exc.strerror)


def _file(root: Path, name: str, path: Path) -> FolderFile:
    """Raises _Skipped, UnicodeEncodeError, OSError."""
    if path.name.startswith(HIDDEN):
        raise _Skipped("It is hidden.")
    name.encode()
    try:
        target = path.resolve(strict=True)
    except (FileNotFoundError, RuntimeError):  # the second: it leads to itself
        raise _Skipped("It is a link to nothing.") from None
    if not target.is_relative_to(root):
        raise _Skipped("It is a link out of the folder.")
    found = target.stat()
    if stat.S_ISDIR(found.st_mode):
        raise _Skipped("It is a link to a folder.")
    if not stat.S_ISREG(found.st_mode):
        raise _Skipped("It is no ordinary file.")
    try:
        extension = check_extension(path.name, FORMATS)
    except DocumentTypeUnsupported:
        ending = path.suffix or "none"
        raise _Skipped(f"Files of this type are not read ({ending}).") from None
    return FolderFile(name=name, path=target, extension=extension, size=found.st_size)
