"""Names that are safe on every disk, from names as people send them."""

import re
import unicodedata

MOST_BYTES = 120
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *(\..*)?$", re.IGNORECASE)
KEPT_MARKS = frozenset(" ._-()+,@")


def safe_name(filename: str) -> str:
    """Return a name for the disk; empty when nothing of ``filename`` is usable.

    It keeps letters and digits of any alphabet, has no separators, control
    characters or leading dot, is no device name, and at most 120 bytes long, of
    which the extension stays.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", filename))[-1]
    kept = "".join(
        c if c in KEPT_MARKS or unicodedata.category(c)[0] in "LNM" else "_"
        for c in last
        if unicodedata.category(c)[0] != "C"
    )
    name = kept.strip(" .")
    if not name.strip("_"):
        return ""
    name = _shortened(name, MOST_BYTES)
    if RESERVED.match(name):
        name = _shortened(f"_{name}", MOST_BYTES)
    return name


def numbered_name(name: str, number: int) -> str:
    """Return ``name`` with ``-number`` before its extension, still short enough."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    tail = f"-{number}{dot}{extension}"
    return _cut(stem, MOST_BYTES - len(tail.encode())) + tail


def place_key(filepath: str) -> str:
    """Return what places have in common that some disks take for the same."""
    return filepath.casefold()


def _shortened(name: str, most: int) -> str:
    if len(name.encode()) <= most:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > most // 4:
        return _cut(name, most)
    tail = f"{dot}{extension}"
    return _cut(stem, most - len(tail.encode())) + tail


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")
