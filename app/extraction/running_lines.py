"""Headers and footers: what many pages repeat at the top or the bottom."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

FEWEST_PAGES = 5
MOST_LINES = 3
"""Looked at, above and below."""

_SHARE = 0.3
"""Of the pages: left and right ones may differ, and the first of a chapter."""

_FEWEST = 4
_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"[ivxlc]+$", re.IGNORECASE)


def without_running_lines(pages: Sequence[str]) -> Iterator[str]:
    """Yield the pages without the lines that many of them repeat at an edge.

    Lines that differ in their numbers alone are the same. The first page that has
    one keeps it, so that no word is lost.
    """
    split = [[line.rstrip() for line in page.strip("\n").split("\n")] for page in pages]
    running = _running(split) if len(split) >= FEWEST_PAGES else set()
    kept: set[str] = set()
    for lines in split:
        top, bottom = _edges(lines, running)
        dropped = {_shape(line) for line in (*lines[:top], *lines[bottom:])}
        if dropped <= kept:
            yield "\n".join(lines[top:bottom]) + "\n"
            continue
        kept |= dropped
        yield "\n".join(lines) + "\n"


def _running(split: Sequence[Sequence[str]]) -> set[str]:
    seen: Counter[str] = Counter()
    for lines in split:
        ends = (*lines[:MOST_LINES], *lines[max(len(lines) - MOST_LINES, 0) :])
        seen.update({_shape(line) for line in ends})
    fewest = max(_FEWEST, _SHARE * len(split))
    return {shape for shape, count in seen.items() if count >= fewest}


def _edges(lines: Sequence[str], running: set[str]) -> tuple[int, int]:
    top, bottom = 0, len(lines)
    while top < min(bottom, MOST_LINES) and _shape(lines[top]) in running:
        top += 1
    while bottom > max(top, len(lines) - MOST_LINES) and (
        _shape(lines[bottom - 1]) in running
    ):
        bottom -= 1
    return top, bottom


def _shape(line: str) -> str:
    line = " ".join(line.split())
    return "#" if _ROMAN.match(line) else _DIGITS.sub("#", line)
