import csv
import sys
from collections.abc import Iterator
from itertools import islice

from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.plain import decoded
from app.extraction.rows import MOST_COLUMNS, write_rows

_DELIMITERS = ";\t,|"
_LOOKED_AT = 50
"""Rows that the delimiter is found out by."""


def read_csv(data: bytes, draft: Draft) -> None:
    """Write a line for each row, with the column names."""
    csv.field_size_limit(sys.maxsize)
    lines = decoded(data).split("\n")
    stated = lines[0].lstrip("\ufeff").lower()
    if stated.startswith("sep=") and len(stated.strip()) == len("sep=") + 1:
        delimiter = stated.strip()[-1]
        del lines[0]
    else:
        delimiter = _delimiter(lines)
    write_rows(draft, _rows(lines, delimiter, draft))


def _rows(lines: list[str], delimiter: str, draft: Draft) -> Iterator[list[str]]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    for row in reader:
        if len(row) > MOST_COLUMNS:
            raise ExtractionFailed("too_long")
        draft.progress(reader.line_num, len(lines))
        yield row


def _delimiter(lines: list[str]) -> str:
    """Return what cuts the first rows most alike, into the most columns."""

    def fitness(delimiter: str) -> tuple[float, int]:
        first = csv.reader(islice(lines, _LOOKED_AT), delimiter=delimiter)
        widths = [len(row) for row in first if row]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return 0.0, 0
        return widths.count(usual) / len(widths), usual

    return max(_DELIMITERS, key=fitness)
