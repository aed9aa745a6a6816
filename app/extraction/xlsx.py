import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lxml import etree

from app.extraction.cell_formats import CellFormats
from app.extraction.draft import Draft
from app.extraction.office import Package, attribute, child, local
from app.extraction.rows import MOST_COLUMNS, write_rows

_MERGED = re.compile(rb"mergeCell [^>]*?ref=\"([A-Z]+)([0-9]+):[A-Z]+([0-9]+)\"")
_BLOCK = 1024 * 1024
_OVERLAP = 200
_MOST_LETTERS = 3
MOST_MERGED = 100_000

Merged = dict[tuple[int, int], int]
"""Column and row of a merged cell, and how many rows it covers."""


def read_xlsx(data: bytes, draft: Draft) -> None:
    """Write a heading for each sheet that is shown and a line for each row."""
    package = Package(data, root="workbook")
    sheets = package.related(package.main, "worksheet")
    strings = _strings(package)
    properties = child(package.root, "workbookPr")
    from_1904 = properties is not None and attribute(properties, "date1904") in {
        "1",
        "true",
    }
    styles = [*package.related(package.main, "styles").values()]
    formats = CellFormats(package.parse(styles[0]) if styles else None, from_1904)
    listed = child(package.root, "sheets")
    for sheet in () if listed is None else listed:
        part = sheets.get(attribute(sheet, "id") or "")
        if part and attribute(sheet, "state") in {None, "visible"}:
            draft.heading(1, attribute(sheet, "name") or "")
            merged = _merged(package, part)
            rows = _rows(package.elements(part, "row"), strings, formats, merged)
            write_rows(draft, _counted(rows, draft))


def _strings(package: Package) -> list[str]:
    """Return the texts that cells refer to by number."""
    found: list[str] = []
    for part in package.related(package.main, "sharedStrings").values():
        found += [_text(item) for item in package.elements(part, "si")]
    return found


def _text(item: etree._Element) -> str:
    """Return an item's text, without what says how to pronounce it."""
    return "".join(
        part.text or ""
        for part in item.iter("{*}t")
        if local(part.getparent()) != "rPh"
    )


def _rows(
    rows: Iterable[etree._Element],
    strings: list[str],
    formats: CellFormats,
    merged: Merged,
) -> Iterator[list[str]]:
    covering: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows, 1):
        at = int(attribute(row, "r") or number)
        cells: list[str] = []
        for cell in row:
            column = _column(cell.get("r", ""), len(cells))
            if column < MOST_COLUMNS:
                cells += [""] * (column - len(cells))
                cells.append(_value(cell, strings, formats))
                if covered := merged.get((column, at)):
                    covering[column] = at + covered, cells[column]
        covering = {
            column: (end, _) for column, (end, _) in covering.items() if at < end
        }
        for column, (_, text) in covering.items():
            cells += [""] * (column + 1 - len(cells))
            cells[column] = text
        yield cells


def _counted(rows: Iterable[list[str]], draft: Draft) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        draft.progress(number, None)
        yield row


def _column(place: str, following: int) -> int:
    """Return a cell's column from 0; files may leave out what follows by itself."""
    return max(_letters(place.rstrip("0123456789")), following)


@lru_cache(maxsize=2 * MOST_COLUMNS)
def _letters(letters: str) -> int:
    column = 0
    for letter in letters[:_MOST_LETTERS]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _value(cell: etree._Element, strings: list[str], formats: CellFormats) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    value = ""
    for part in cell:
        if part.tag.endswith("}v"):
            value = part.text or ""
    if not value or kind == "e":
        return ""
    if kind == "s":
        return strings[int(value)]
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    if kind == "n":
        return formats.written(value, int(cell.get("s", "0")))
    return value


def _merged(package: Package, part: str) -> Merged:
    """Return the cells that cover several rows: they stand behind the rows."""
    found: Merged = {}
    tail = b""
    with package.open(part) as stream:
        while block := stream.read(_BLOCK):
            tail = tail[-_OVERLAP:] + block
            for column, first, last in _MERGED.findall(tail):
                if last != first and len(found) < MOST_MERGED:
                    key = _column(column.decode(), 0), int(first)
                    found[key] = int(last) - int(first) + 1
    return found
