"""The numbers that a word processor puts before paragraphs: `5.2`, `a)`, `IV.`"""

import re
from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from app.extraction.office import attribute, child, local

LEVELS = 9

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LONGEST_ROMAN = 4000
_PLACE = re.compile(r"%([1-9])")

Level = tuple[int, str, str]
"""First number, format, text with the places of the numbers (``%1.%2``)."""


class Numbering:
    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, Level]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        for element in () if root is None else root:
            if local(element) == "abstractNum":
                key = attribute(element, "abstractNumId") or ""
                self._levels[key] = dict(_levels(element))
            elif local(element) == "num":
                of = child(element, "abstractNumId")
                if of is not None:
                    key = attribute(element, "numId") or ""
                    self._lists[key] = attribute(of, "val") or ""

    def label(self, number_id: str, level: int) -> str:
        """Count a paragraph and return what stands before it."""
        key = self._lists.get(number_id, "")
        levels = self._levels.get(key, {})
        if level not in levels:
            return ""
        _, style, text = levels[level]
        if style in {"bullet", "none"}:
            return "-" if style == "bullet" else ""
        counts = self._counts[key]
        counts[level] = counts.get(level, levels[level][0] - 1) + 1
        for deeper in range(level + 1, LEVELS):
            counts.pop(deeper, None)

        def number(place: re.Match[str]) -> str:
            above = int(place[1]) - 1
            first, its_style, _ = levels.get(above, (1, "decimal", ""))
            return _written(counts.setdefault(above, first), its_style)

        return _PLACE.sub(number, text)


def _levels(abstract: etree._Element) -> Iterator[tuple[int, Level]]:
    for level in abstract.iterfind("{*}lvl"):
        values = [_value(level, name) for name in ("start", "numFmt", "lvlText")]
        first, style, text = values
        place = int(attribute(level, "ilvl") or 0)
        yield place, (int(first or 1), style or "decimal", text or "")


def _value(level: etree._Element, name: str) -> str | None:
    found = child(level, name)
    return None if found is None else attribute(found, "val")


def _written(number: int, style: str) -> str:
    if style.endswith("Letter") and number > 0:
        repeated, letter = divmod(number - 1, 26)
        written = chr(ord("a") + letter) * (repeated % LEVELS + 1)
    elif style.endswith("Roman") and 0 < number < _LONGEST_ROMAN:
        written = ""
        for worth, letters in _ROMAN:
            times, number = divmod(number, worth)
            written += letters * times
    else:
        return str(number)
    return written.upper() if style.startswith("upper") else written
