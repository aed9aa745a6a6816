"""Documents cut into the pieces that are found, shown to the model and cited.

First by structure: a heading, or a question standing on a line of its own, begins
a section and stays with what follows it. Then by size, inside a section only.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.extraction.extract import Extract

PIECE = 1_000
"""Characters of a piece, its heading apart: about 250 tokens, a few paragraphs.

Characters and not tokens: the splitter's token vocabulary costs 48 MB and 150 ms,
counting characters 4 MB."""

OVERLAP = 120
"""Characters that a piece may repeat from the one before it."""

_STRETCH = 50_000
"""Characters the splitter gets at a time: without line ends it is quadratic."""

_LONGEST_HEADING = 200
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_QUESTION = re.compile(
    r"[ \t]*(?P<mark>[-*+>]|\d{1,3}[.)]|[*_]{1,3}|[QP]\d*[:.)])?[ \t]*[*_]*"
    r"(?P<asked>\S.*\?)[ \t]*[*_]*[ \t]*$"
)
_CLOSED = re.compile(r"[.!?:;…][)\"”»*_]*[ \t]*$")
_QUESTION_LEVEL = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document, verbatim.

    ``start`` is its first character's place in the document; ``heading`` the path
    of headings that it stands under, its own included (``Delivery > Deadlines``);
    ``pages`` where in it which page begins, the first at 0.
    """

    text: str
    heading: str | None
    start: int
    pages: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Section:
    heading: str | None
    start: int
    body: int
    end: int


def split(extract: Extract) -> list[Piece]:
    """Return the pieces of a document, in order."""
    text, pages = extract.text, extract.pages
    pieces: list[Piece] = []
    for section in _sections(extract):
        body = text[section.body : section.end]
        parts = _parts(body, markdown=extract.markdown)
        for index, (start, part) in enumerate(parts):
            first = section.start if index == 0 else section.body + start
            whole = text[first : section.body + start + len(part)]
            first += len(whole) - len(whole.lstrip())
            piece = whole.strip()
            on = _pages_of(pages, first, first + len(piece))
            pieces.append(Piece(piece, section.heading, first, on))
    return pieces


def is_heading(line: str) -> bool:
    """Say whether a line only announces what follows: a heading or a question."""
    return bool(_HEADING.match(line) or _QUESTION.match(line))


def _pages_of(
    pages: Sequence[tuple[int, int]], start: int, end: int
) -> tuple[tuple[int, int], ...]:
    """Return where in a stretch of the text which page begins."""
    first = bisect_right(pages, start, key=lambda page: page[0]) - 1
    found: list[tuple[int, int]] = []
    for begins, number in pages[max(first, 0) :]:
        if begins >= end:
            break
        found.append((max(begins - start, 0), number))
    return tuple(found)


def _parts(body: str, *, markdown: bool) -> Iterator[tuple[int, str]]:
    if len(body) <= PIECE:
        yield 0, body
        return
    # Loaded by the first document that needs it: a chat never does.
    from semantic_text_splitter import MarkdownSplitter, TextSplitter  # noqa: PLC0415

    splitter = (MarkdownSplitter if markdown else TextSplitter)(PIECE, overlap=OVERLAP)
    start = 0
    while start < len(body):
        end = _stretch_end(body, start)
        for place, part in splitter.chunk_indices(body[start:end]):
            yield start + place, part
        start = end


def _stretch_end(body: str, start: int) -> int:
    """Return where a stretch may end: at a blank line, a line's end, a blank."""
    end = start + _STRETCH
    if end >= len(body):
        return len(body)
    for mark in ("\n\n", "\n", " "):
        found = body.rfind(mark, start + _STRETCH // 2, end)
        if found >= 0:
            return found + len(mark)
    return end


def _sections(extract: Extract) -> Iterator[_Section]:
    """Yield the sections that have text, each with the headings above it.

    A heading without text of its own goes to the section that follows, as part of
    its path or, if it is no ancestor, of its text.
    """
    text = extract.text
    path: list[tuple[int, str]] = []
    current = _Section(None, 0, 0, 0)
    for start, end, level, title in _headings(extract):
        current.end = start
        if start - current.start > PIECE and not text[current.body : start].strip():
            current.body = current.start
        if text[current.body : start].strip():
            yield current
            current = _Section(None, start, end, end)
        elif path and path[-1][0] < level:
            current = _Section(None, start, end, end)
        else:
            current = _Section(None, current.start, end, end)
        asks = level == _QUESTION_LEVEL
        path = [
            (above, name)
            for above, name in path
            if above < level and not (asks and name.endswith("?"))
        ]
        path.append((level, title))
        current.heading = " > ".join(title for _, title in path if title) or None
    current.end = len(text)
    if not text[current.body :].strip():
        current.body = current.start
    if text[current.body :].strip():
        yield current


def _headings(extract: Extract) -> Iterator[tuple[int, int, int, str]]:
    """Yield start, end, level and title of every heading and question line."""
    markdown = extract.markdown
    named = deque(sorted(extract.headings, key=lambda heading: heading.start))
    fence = above = ""
    start = 0
    lines = extract.text.splitlines(keepends=True)
    for line, following in zip(lines, [*lines, ""][1:], strict=True):
        end = start + len(line)
        is_named = False
        while named and named[0].start < end:
            heading = named.popleft()
            yield heading.start, heading.end, heading.level, heading.title
            is_named = is_named or heading.start > start or heading.end > start
            above = ""
        if is_named:
            start = end
            continue
        opened = _FENCE.match(line) if markdown else None
        found = None
        if opened:
            mark = opened[1][:3]
            fence = "" if fence == mark else fence or mark
        elif not fence:
            found = markdown and _heading(line.rstrip("\n"), following)
            found = found or _question(line.rstrip("\n"), above)
        if found:
            level, title, underline = found
            yield start, end + underline, level, title
        above = "" if found else line.strip()[-_LONGEST_HEADING:]
        start = end


def _heading(line: str, following: str) -> tuple[int, str, int] | None:
    if len(line) > _LONGEST_HEADING:
        return None
    if found := _HEADING.match(line):
        return len(found[1]), found[2], 0
    if line.strip() and (under := _UNDERLINE.match(following)):
        return 1 if under[1][0] == "=" else 2, line.strip(), len(following)
    return None


def _question(line: str, above: str) -> tuple[int, str, int] | None:
    """Return a question that stands alone; in wrapped prose it does not."""
    found = _QUESTION.match(line) if len(line) <= _LONGEST_HEADING else None
    if found is None or (above and not found["mark"] and not _CLOSED.search(above)):
        return None
    return _QUESTION_LEVEL, found["asked"].strip("*_ "), 0
