from collections.abc import Iterator

from lxml import etree

from app.extraction.docx_styles import Styles
from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.numbering import Numbering
from app.extraction.office import Package, attribute, child, is_on, local
from app.extraction.rows import write_rows

MOST_SPANNED = 63
"""Columns that a table of the format can have."""

_WRAPPERS = {"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"}
# What is deleted, is said twice for old programs, or is no text.
_SKIPPED = {
    "pPr", "rPr", "del", "moveFrom", "delText", "instrText", "Fallback", "sdtPr",
    "tblPr", "tcPr", "trPr",
}  # fmt: skip
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def read_docx(data: bytes, draft: Draft) -> None:
    """Write paragraphs, headings, lists and tables in their order, then the notes.

    Headers, footers, comments, deleted and hidden text and tables of contents are
    left out.
    """
    package = Package(data, root="document")
    styles = Styles(_part(package, "styles"))
    numbering = Numbering(_part(package, "numbering"))
    body = child(package.root, "body")
    if body is None:
        raise ExtractionFailed("empty")
    count = len(body)
    for index, block in enumerate(_inside(body, {"p", "tbl"})):
        if local(block) == "tbl":
            draft.blank()
            write_rows(draft, _rows(block), named=_is_named(block))
            draft.blank()
        else:
            _write_paragraph(block, styles, numbering, draft)
        draft.progress(min(index, count), count)
    for kind in ("footnote", "endnote"):
        notes = _part(package, f"{kind}s")
        for note in () if notes is None else notes.iterfind(f"{{*}}{kind}"):
            if attribute(note, "type") is None:
                draft.line(_text(note))


def _part(package: Package, kind: str) -> etree._Element | None:
    for part in package.related(package.main, kind).values():
        return package.parse(part)
    return None


def _inside(element: etree._Element, names: set[str]) -> Iterator[etree._Element]:
    """Yield the children of these names, those in wrappers too."""
    for part in element:
        name = local(part)
        if name in names:
            yield part
        elif name in _WRAPPERS:
            yield from _inside(part, names)


def _write_paragraph(
    paragraph: etree._Element, styles: Styles, numbering: Numbering, draft: Draft
) -> None:
    text = _text(paragraph)
    look = styles.look(paragraph)
    if look.is_contents or not text.strip():
        return
    label = numbering.label(look.list_id, look.list_level) if look.list_id else ""
    if look.heading_level:
        draft.heading(look.heading_level, f"{label} {text}")
    elif label:
        draft.line(f"{'  ' * look.list_level}{label} {text.strip()}")
    else:
        draft.blank()
        draft.line(text)


def _text(element: etree._Element) -> str:
    return "".join(_runs(element))


def _runs(element: etree._Element) -> Iterator[str]:
    for part in element:
        name = local(part)
        if name == "t":
            yield part.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        elif name == "r" and is_on(child(part, "rPr", "vanish")):
            continue
        elif name not in _SKIPPED:
            yield from _runs(part)
            if name == "p":
                yield "\n"
            elif name == "tc":
                yield " "


def _is_named(table: etree._Element) -> bool:
    return is_on(child(table, "tr", "trPr", "tblHeader"))


def _rows(table: etree._Element) -> Iterator[list[str]]:
    """Yield the cells' text; merged cells stand in each of their rows."""
    above: list[str] = []
    for row in _inside(table, {"tr"}):
        cells: list[str] = []
        for cell in _inside(row, {"tc"}):
            text = _text(cell).strip()
            merged = child(cell, "tcPr", "vMerge")
            if merged is not None and attribute(merged, "val") != "restart":
                text = above[len(cells)] if len(cells) < len(above) else text
            cells += [text, *[""] * (_span(cell) - 1)]
        yield cells
        above = cells


def _span(cell: etree._Element) -> int:
    span = child(cell, "tcPr", "gridSpan")
    value = attribute(span, "val") if span is not None else None
    return min(int(value or 1), MOST_SPANNED)
