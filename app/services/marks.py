"""The marks by which an answer names passages, in the ways that models write them.

``[1]``, ``[2, 1]``, ``[1-3]``, ``[[1]]``, ``[^1]``, ``[Passage 1]``, ``[1, p. 3]``,
``【1】``, ``【1†source】``, and each of them made a link. No marks are superscripts
(``m²``), numbers of more than three digits and lists with a zero (``[0, 1]``).
"""

import re
from collections.abc import Iterator

_OPENERS = "[［【〔〖"
_WORD = (
    r"(?:(?:passages?|sources?|refs?|trechos?|fontes?|passage[mn]s?|pasajes?|fuentes?)"
    r"[ .:]{0,2})"
)
_PAGE = (
    r"(?:,? ?(?:pp?|pgs?|p[áa]gs?|pages?|p[áa]ginas?)\.? ?"
    r"\d{1,5}(?:[-\u2013]\d{1,5})?)"
)
_NEXT = r"(?: ?[,;&\-\u2013，、] ?| (?:and|e|y) )"
_OTHER = r"[^\[\]［］【】〔〕〖〗\\\n]"
_TARGET = r"[^\s()\[\]［］【】〔〕〖〗\\]"
# All bounded: an answer of nothing but brackets must not take quadratic time.
_MARK = re.compile(
    rf"[\{_OPENERS}](?P<double>(?<=\[)\[)?[ ]?{_WORD}?[\^#]?"
    rf"(?P<numbers>\d{{1,3}}(?:{_NEXT}\d{{1,3}}){{0,19}})"
    rf"(?:{_PAGE}|(?P<foreign>:\d{{1,3}})?†{_OTHER}{{0,80}})?"
    rf"[ ]?\\?[\]］】〕〗](?(double)\])(?P<target>\({_TARGET}{{0,300}}\))?",
    re.IGNORECASE,
)
_BEGUN = re.compile(
    r".[ ]?(?:[fprst][a-z]{0,8}[ .:]{0,2})?[\^#]?"
    rf"(?:\d{_OTHER}{{0,260}})?"
    rf"(?:\\|\\?[\]］】〕〗]\]?(?:\({_TARGET}{{0,300}})?)?",
    re.IGNORECASE,
)
_BLANKS = 8
_JOINED = re.compile(rf"(?:[\{_OPENERS}] ?\d{{0,3}} ?[\d\]］】〕〗]|``)\Z")
_RANGE = re.compile(r"(\d+)(?: ?[-\u2013] ?(\d+))?")


def marks(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the marks, each with where the blanks before it begin."""
    for mark in _MARK.finditer(text):
        yield _begin(text, mark.start()), mark


def unfinished(text: str) -> int:
    """Return where in ``text`` what may be an unfinished mark begins."""
    place = max(map(text.rfind, _OPENERS))
    if place < 0 or not _BEGUN.fullmatch(text, place):
        place = len(text)
    elif text.endswith("[", 0, place):
        place -= 1
    return _begin(text, place)


def joins(before: str, after: str) -> bool:
    """Say whether two texts could make a mark or code that neither has alone."""
    return bool(after) and bool(_JOINED.search(before + after[0]))


def numbers(mark: re.Match[str], *, highest: int) -> list[int] | None:
    """Return the passages up to ``highest`` that a mark names; None: it is no mark."""
    stated = [
        (int(first), int(last or first))
        for first, last in _RANGE.findall(mark["numbers"])
    ]
    if not mark["numbers"].isdigit() and any(0 in each for each in stated):
        return None
    if mark["foreign"]:
        return []
    found = [n for first, last in stated for n in range(first, min(last, highest) + 1)]
    return [number for number in dict.fromkeys(found) if 1 <= number <= highest]


def _begin(text: str, place: int) -> int:
    """Return where a mark begins with the backslash and the blanks before it."""
    place -= text.endswith("\\", 0, place)
    before = text[max(0, place - _BLANKS) : place]
    return place - len(before) + len(before.rstrip(" "))
