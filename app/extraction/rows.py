"""Tables as rows that stand for themselves: `Column: value; Column: value`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from app.extraction.draft import Draft

LOOKED_AT = 20
"""Rows that the column names are looked for in: titles may stand above them."""

MOST_COLUMNS = 16_384
"""As many as a sheet can have."""

_LONGEST_NAME = 80
_LETTER = re.compile(r"[^\W\d_]")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_DIGIT = re.compile(r"\d")
_PAIR = 2

Row = Sequence[str]


def write_rows(draft: Draft, rows: Iterable[Row], *, named: bool = False) -> None:
    """Write a table; ``named`` says that its first row holds the column names.

    Else they are looked for, and rows without any stay as they are.
    """
    for line in _lines(rows, named=named):
        draft.line(line)


def _lines(rows: Iterable[Row], *, named: bool) -> Iterator[str]:
    remaining = iter(rows)
    first: list[Row] = [
        [_one_line(cell) for cell in row] for row in islice(remaining, LOOKED_AT)
    ]
    at = 0 if named and len(first) > 1 else _names_at(first)
    if at is None:
        at = -1
    names: Row = first[at] if at >= 0 else ()
    for row in first[: max(at, 0)]:
        yield _line((), row)
    for row in chain(first[at + 1 :], remaining):
        yield _line(names, row)


def _names_at(rows: Sequence[Row]) -> int | None:
    """Return which row holds the column names, if any looks like it."""
    widest = max((len(_filled(row)) for row in rows), default=0)
    for index, row in enumerate(rows[:-1]):
        filled = _filled(row)
        if len(filled) >= _PAIR and len(filled) * 2 > widest:
            return index if _are_names(filled) else None
    return None


def _are_names(cells: Row) -> bool:
    if len(set(cells)) < len(cells) or not _LETTER.search(cells[0]):
        return False
    if len(cells) == _PAIR and any(map(_DIGIT.search, cells)):
        return False
    return all(
        len(cell) <= _LONGEST_NAME
        and not cell.endswith(":")
        and (_LETTER.search(cell) or _YEAR.match(cell))
        for cell in cells
    )


def _filled(row: Row) -> list[str]:
    return [cell for cell in row if cell]


def _line(names: Row, row: Row) -> str:
    known = len(names)
    said = []
    for index, cell in enumerate(row):
        value = _one_line(cell)
        if value:
            name = names[index] if index < known else ""
            said.append(f"{name}: {value}" if name else value)
    return "; ".join(said)


def _one_line(cell: str) -> str:
    return " ".join(cell.split())
