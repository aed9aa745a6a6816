"""Zip archives: written as they are sent, and read as strangers made them."""

import re
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from app.errors import ImportRefused

PART = 256 * 1024
FASTEST = 1
LARGE = 2**30  # from here on sizes are written with 64 bits
LOCAL_HEADER = 30
ENTRY = 256  # bytes of the directory for an entry, of which our own have 64
ENCRYPTED = 0x1 | 0x40 | 0x2000
METHODS = (ZIP_STORED, ZIP_DEFLATED)
KINDS = (0, stat.S_IFREG)
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]*", re.ASCII)
UNREADABLE = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
    struct.error,
    zlib.error,
)


def zipped(entries: Iterable[tuple[str, int, Iterable[bytes]]]) -> Iterator[bytes]:
    """Return a zip of (name, size, parts), a little at a time."""
    sent = _Sent()
    with ZipFile(sent, "w", ZIP_DEFLATED, compresslevel=FASTEST) as archive:
        for name, size, parts in entries:
            with archive.open(name, "w", force_zip64=size >= LARGE) as entry:
                for part in parts:
                    entry.write(part)
                    yield sent.take()
    yield sent.take()


class Archive:
    """A zip that somebody sent: no name in it becomes a path, no size is believed.

    Raises ImportRefused, also while it is read.
    """

    def __init__(self, file: IO[bytes], *, entries: int, folder: str) -> None:
        """``entries``: for how many its directory may have room, and a few more.

        ``folder``: the one that may stand in it as an entry of its own.
        """
        with _damage_told("reason.import_archive"):
            self._zip = ZipFile(_Bounded(file, most=PART + ENTRY * entries))
        found = [one for one in self._zip.infolist() if one.filename != f"{folder}/"]
        for entry in found:
            _check(entry)
        self._entries = {entry.filename: entry for entry in found}
        _check_places(self._zip.infolist(), end=self._zip.start_dir)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entries)

    def size(self, name: str) -> int:
        """Return what the archive says; only ``parts`` can tell."""
        return self._entries[name].file_size

    def read(self, name: str, *, most: int) -> bytes:
        """Return a whole entry of at most so many bytes."""
        data = b"".join(self.parts(name, most=most))
        if len(data) != self.size(name):
            raise ImportRefused(reason="reason.import_damaged", entry=name)
        return data

    def parts(self, name: str, *, most: int) -> Iterator[bytes]:
        """Return an entry a little at a time, and no byte more than ``most``."""
        if name not in self._entries:
            raise ImportRefused(reason="reason.import_missing", entry=name)
        if self.size(name) > most:
            raise ImportRefused(reason="reason.import_large", entry=name)
        with _damage_told("reason.import_damaged", name):
            entry = self._zip.open(self._entries[name])
        with entry:
            while True:
                with _damage_told("reason.import_damaged", name):
                    part = entry.read(PART)
                if not part:
                    return
                yield part


class _Sent:
    """The file that a zip is written to: it keeps what nobody has taken yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Keep it: what is written is taken."""

    def close(self) -> None:
        """Keep it: what is written is taken."""

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


class _Bounded:
    """A file of which no more than ``most`` bytes are read at once.

    An archive's directory is read at once, however long it says that it is.
    """

    def __init__(self, file: IO[bytes], *, most: int) -> None:
        self._file = file
        self._most = most
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int = -1, /) -> bytes:
        if count > self._most:
            raise ImportRefused(reason="reason.import_entries")
        data = self._file.read(self._most + 1 if count < 0 else count)
        if len(data) > self._most:
            raise ImportRefused(reason="reason.import_entries")
        return data

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Leave it to whoever opened it."""


def _check(entry: ZipInfo) -> None:
    """Raises ImportRefused for what is no plain file with a plain name."""
    problem = None
    if entry.filename != entry.orig_filename or not NAME.fullmatch(entry.filename):
        problem = "name"
    elif entry.is_dir() or stat.S_IFMT(entry.external_attr >> 16) not in KINDS:
        problem = "kind"
    elif entry.flag_bits & ENCRYPTED:
        problem = "encrypted"
    elif entry.compress_type not in METHODS:
        problem = "method"
    if problem:
        shown = entry.filename[:200]
        raise ImportRefused(reason=f"reason.import_{problem}", entry=shown)


def _check_places(entries: Sequence[ZipInfo], *, end: int) -> None:
    """Raises ImportRefused for two entries of a name, or of the same bytes."""
    free, names = 0, set[str]()
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.filename in names:
            raise ImportRefused(reason="reason.import_twice", entry=entry.filename)
        names.add(entry.filename)
        if entry.header_offset < free:
            raise ImportRefused(reason="reason.import_overlap", entry=entry.filename)
        head = LOCAL_HEADER + len(entry.filename)
        free = entry.header_offset + head + entry.compress_size
    if free > end:
        raise ImportRefused(reason="reason.import_archive")


@contextmanager
def _damage_told(reason: str, name: str | None = None) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as exc:
        entry: dict[str, Any] = {} if name is None else {"entry": name}
        raise ImportRefused(reason=reason, **entry) from exc
