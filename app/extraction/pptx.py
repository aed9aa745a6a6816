from collections.abc import Iterator

from lxml import etree

from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.office import Package, attribute, child, local
from app.extraction.rows import write_rows

_TITLES = {"title", "ctrTitle"}
_LEFT_OUT = {"sldNum", "dt", "ftr", "hdr", "sldImg"}


def read_pptx(data: bytes, draft: Draft) -> None:
    """Write a page for each slide: its title as heading, its text, its notes."""
    package = Package(data, root="presentation")
    slides = package.related(package.main, "slide")
    listed = child(package.root, "sldIdLst")
    if listed is None:
        raise ExtractionFailed("empty")
    order = [_relation(slide) for slide in listed]
    for number, key in enumerate(order, 1):
        if key in slides:
            draft.page(number)
            _write_slide(package, slides[key], draft)
        draft.progress(number, len(order))


def _relation(slide: etree._Element) -> str:
    """Return the relation's id; the slide's own attribute `id` is another."""
    keys = [key for key in slide.keys() if key.endswith("}id")]  # noqa: SIM118
    return str(slide.get(keys[0])) if keys else ""


def _write_slide(package: Package, part: str, draft: Draft) -> None:
    shapes = list(_shapes(package.parse(part)))
    for shape in shapes:
        if _kind(shape) in _TITLES:
            draft.heading(1, " ".join(_paragraphs(shape)))
    for shape in shapes:
        if local(shape) == "tbl":
            write_rows(draft, _rows(shape))
        elif _kind(shape) not in _TITLES:
            _write_shape(shape, draft)
    for notes in package.related(part, "notesSlide").values():
        draft.blank()
        for shape in _shapes(package.parse(notes)):
            _write_shape(shape, draft)


def _write_shape(shape: etree._Element, draft: Draft) -> None:
    if _kind(shape) not in _LEFT_OUT:
        for paragraph in _paragraphs(shape):
            draft.line(paragraph)


def _shapes(element: etree._Element) -> Iterator[etree._Element]:
    """Yield shapes and tables, those in groups too, in the slide's order."""
    for part in element:
        name = local(part)
        if name in {"sp", "tbl"}:
            yield part
        elif name != "Fallback":
            yield from _shapes(part)


def _kind(shape: etree._Element) -> str:
    """Return what a placeholder is for; nothing for any other shape."""
    placeholder = child(shape, "nvSpPr", "nvPr", "ph")
    if placeholder is None:
        return ""
    return attribute(placeholder, "type") or "obj"


def _paragraphs(shape: etree._Element) -> Iterator[str]:
    body = child(shape, "txBody")
    for paragraph in () if body is None else body.iterfind("{*}p"):
        text = "".join(_runs(paragraph))
        if text.strip():
            properties = child(paragraph, "pPr")
            level = attribute(properties, "lvl") if properties is not None else None
            yield f"{'  ' * int(level)}- {text}" if level else text


def _runs(paragraph: etree._Element) -> Iterator[str]:
    for part in paragraph.iter("{*}t", "{*}br"):
        yield " " if local(part) == "br" else part.text or ""


def _rows(table: etree._Element) -> Iterator[list[str]]:
    """Yield the cells' text; a cell merged downwards stands in each of its rows."""
    above: list[str] = []
    for row in table.iterfind("{*}tr"):
        cells = []
        for index, cell in enumerate(row.iterfind("{*}tc")):
            text = " ".join(_paragraphs(cell))
            if attribute(cell, "vMerge") in {"1", "true"} and index < len(above):
                text = above[index]
            cells.append(text)
        yield cells
        above = cells
