import re
from collections.abc import Iterator

from lxml import etree

from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.plain import decoded
from app.extraction.rows import write_rows
from app.models.charsets import MARKS, decoded_as

_CHARSET = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_CHARSET_WITHIN = 8192

_NO_TEXT = {
    "script", "style", "noscript", "template", "head", "svg", "math", "canvas",
    "iframe", "object", "embed", "audio", "video", "map", "select", "button",
    "input", "textarea", "datalist", "dialog",
}  # fmt: skip
_AROUND = {"nav", "footer", "aside"}
_AROUND_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary"}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_INLINE = {
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "img", "br",
}  # fmt: skip
_SPACED = {"p", "ul", "ol", "dl", "blockquote", "pre", "section", "article", "figure"}
_HEADING = re.compile(r"h[1-6]$")
_SHARE = 0.2
"""Of the words of a page, at least: a main part with fewer is not the main part."""

MOST_SPANNED = 1000


def read_html(data: bytes, draft: Draft) -> None:
    """Write the main text of a page, its title first where it has no heading."""
    write_html(_decoded(data), draft)


def write_html(text: str, draft: Draft) -> None:
    """Write the main text of a page. Raises ExtractionFailed."""
    if not text.strip():
        raise ExtractionFailed("empty")
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    root = etree.fromstring(text.encode(errors="replace"), parser)
    body = None if root is None else root.find("body")
    if body is None:
        raise ExtractionFailed("empty")
    part = _main_part(body)
    title = root.findtext(".//title")
    if title and part.find(".//h1") is None:
        draft.heading(1, title)
    _Page(draft).write(part)


def _decoded(data: bytes) -> str:
    found = _CHARSET.search(data[:_CHARSET_WITHIN])
    text = None
    if found and not data.startswith(MARKS):
        text = decoded_as(data, found[1].decode())
    return decoded(data) if text is None else text


def _main_part(body: etree._Element) -> etree._Element:
    whole = len(" ".join(body.itertext()))
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = body.findall(path)
        if len(found) == 1 and len(" ".join(found[0].itertext())) > _SHARE * whole:
            return found[0]
    return body


class _Page:
    """Writes a tree without recursion: a page may nest as deep as it likes."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._line: list[str] = []
        self._lists: list[int | None] = []
        self._verbatim = 0

    def write(self, part: etree._Element) -> None:
        steps = [(part, False)]
        while steps:
            element, is_end = steps.pop()
            if is_end:
                self._end(element)
                self._say(element.tail if element is not part else None)
                continue
            if element is not part and _is_left_out(element):
                self._say(element.tail)
                continue
            tag = element.tag
            if _HEADING.match(tag):
                self._break()
                self._draft.heading(int(tag[1]), "".join(_said(element)))
            elif tag == "table" and _is_data(element):
                self._break()
                self._draft.blank()
                write_rows(self._draft, _rows(element), named=_is_named(element))
                self._draft.blank()
            else:
                self._begin(element)
                steps.append((element, True))
                steps += [(inner, False) for inner in reversed(element)]
                continue
            self._say(element.tail)
        self._break()

    def _begin(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == "br":
            self._break()
        elif tag not in _INLINE:
            self._break()
            if tag in _SPACED and not self._lists:
                self._draft.blank()
        if tag in {"ul", "ol"}:
            self._lists.append(_first(element) if tag == "ol" else None)
        elif tag == "li":
            self._line.append(self._mark())
        self._verbatim += tag == "pre"
        self._say(element.text)

    def _end(self, element: etree._Element) -> None:
        tag = element.tag
        if tag not in _INLINE:
            self._break()
        if tag in {"ul", "ol"}:
            self._lists.pop()
        self._verbatim -= tag == "pre"
        if tag in _SPACED and not self._lists:
            self._draft.blank()

    def _mark(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _say(self, text: str | None) -> None:
        if not text:
            return
        if self._verbatim:
            self._line.append(text)
        else:
            words = " ".join(text.split())
            before = " " if text[0].isspace() else ""
            behind = " " if words and text[-1].isspace() else ""
            self._line.append(f"{before}{words}{behind}")

    def _break(self) -> None:
        line = "".join(self._line)
        self._line.clear()
        if self._verbatim:
            self._draft.line(line)
            return
        words = line.lstrip()
        indent = line[: len(line) - len(words)] if self._lists else ""
        if words.strip() != "-":
            self._draft.line(indent + " ".join(words.split()))


def _is_left_out(element: etree._Element) -> bool:
    tag = element.tag
    if not isinstance(tag, str) or tag in _NO_TEXT or tag in _AROUND:
        return True
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if element.get("role") in _AROUND_ROLES:
        return True
    return bool(_HIDDEN.search(element.get("style") or ""))


def _said(element: etree._Element) -> Iterator[str]:
    """Yield the text inside an element, without what is left out."""
    steps: list[etree._Element | str] = [element]
    while steps:
        step = steps.pop()
        if isinstance(step, str):
            yield step
            continue
        if step.tag == "br" or step.tag not in _INLINE:
            yield " "
        yield step.text or ""
        for inner in reversed(step):
            steps.append(inner.tail or "")
            if not _is_left_out(inner):
                steps.append(inner)


def _is_data(table: etree._Element) -> bool:
    """Tell a table of data from one that only arranges a page."""
    if table.find(".//table") is not None or table.get("role") == "presentation":
        return False
    if table.find(".//th") is not None:
        return True
    return table.find(".//h1") is None and table.find(".//tr/td[2]") is not None


def _is_named(table: etree._Element) -> bool:
    first = table.find(".//tr")
    if first is None or first.find("th") is None:
        return False
    return all(cell.tag == "th" for cell in first) or first.getparent().tag == "thead"


def _rows(table: etree._Element) -> Iterator[list[str]]:
    """Yield the cells' text; a cell of several rows stands in each of them."""
    covering: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in {"td", "th"} or _is_left_out(cell):
                continue
            _cover(cells, covering)
            text = " ".join("".join(_said(cell)).split())
            rows = _span(cell, "rowspan")
            if rows > 1:
                covering[len(cells)] = rows, text
            cells += [text, *[""] * (_span(cell, "colspan") - 1)]
        _cover(cells, covering)
        covering = {
            column: (left - 1, text)
            for column, (left, text) in covering.items()
            if left > 1
        }
        yield cells


def _cover(cells: list[str], covering: dict[int, tuple[int, str]]) -> None:
    while len(cells) in covering:
        cells.append(covering[len(cells)][1])


def _span(cell: etree._Element, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return min(max(int(value), 1), MOST_SPANNED) if value.isdecimal() else 1


def _first(numbered: etree._Element) -> int:
    start = (numbered.get("start") or "").strip()
    return int(start[:9]) if start.isdecimal() else 1
