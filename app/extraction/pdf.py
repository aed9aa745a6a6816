import re
from collections.abc import Iterator
from itertools import islice

import pypdfium2
from pypdfium2 import raw

from app.extraction.draft import LONGEST_HEADING, Draft, clean
from app.extraction.extract import ExtractionFailed, Heading
from app.extraction.running_lines import without_running_lines

MOST_BOOKMARKS = 10_000

_REASONS = {
    raw.FPDF_ERR_PASSWORD: "encrypted",
    raw.FPDF_ERR_SECURITY: "encrypted",
}
# The library marks a hyphen at a line's end; a capital or a digit behind it is none
# that the line's end made.
_BROKEN_WORD = re.compile("(?<=[^\\W\\d_])[\x02\xad\ufffe]\\s*\n?\\s*(?=[^\\W\\d_A-Z])")
_KEPT_HYPHEN = re.compile("[\x02\ufffe][ \t]*\n?")
_WORD = re.compile(r"\w")
_PRIVATE = re.compile("[\ufffd\ue000-\uf8ff]")
_NUMBERING = re.compile(r"\s*(?:\d+(?:\.\d+)*\.?|[IVXLC]+\.)\s+")

Bookmark = tuple[int, int, str]
"""Page's index, level from 1, title."""


def read_pdf(data: bytes, draft: Draft) -> None:
    """Write the pages, with the outline's entries as headings."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        raise ExtractionFailed(_REASONS.get(exc.err_code, "broken")) from exc
    pages = _texts(document, draft)
    _check_words(pages)
    bookmarks = _bookmarks(document)
    for index, page in enumerate(without_running_lines(pages)):
        draft.page(index + 1)
        start = draft.length
        if page.strip():
            draft.write(page)
        entries = bookmarks.get(index, [])
        for heading in _placed(entries, page, start):
            draft.add_heading(heading)


def _texts(document: pypdfium2.PdfDocument, draft: Draft) -> list[str]:
    count = len(document)
    pages: list[str] = []
    length = readable = 0
    for index in range(count):
        try:
            page = document[index]
            text = page.get_textpage().get_text_range()
            page.close()
            readable += 1
        except pypdfium2.PdfiumError:
            text = ""
        text = clean(_joined(text))
        length += len(text)
        draft.check_length(length)
        pages.append(text)
        draft.progress(index + 1, count)
    if not readable:
        raise ExtractionFailed("broken")
    return pages


def _joined(text: str) -> str:
    """Join the words that line ends broke."""
    text = _BROKEN_WORD.sub("", text)
    return _KEPT_HYPHEN.sub("-", text).replace("\xad", "")


def _check_words(pages: list[str]) -> None:
    """Raise ExtractionFailed for pages that are pictures, or signs without meaning."""
    words = signs = 0
    for page in pages:
        words += len(_WORD.findall(page))
        signs += len(_PRIVATE.findall(page))
    if signs >= words:
        raise ExtractionFailed("no_text")


def _bookmarks(document: pypdfium2.PdfDocument) -> dict[int, list[Bookmark]]:
    found: dict[int, list[Bookmark]] = {}
    for entry in islice(document.get_toc(), MOST_BOOKMARKS):
        target = entry.get_dest()
        index = target.get_index() if target else None
        title = " ".join(entry.get_title().split())
        if index is not None and title:
            bookmark = (index, entry.level + 1, title[:LONGEST_HEADING])
            found.setdefault(index, []).append(bookmark)
    return found


def _placed(entries: list[Bookmark], page: str, start: int) -> Iterator[Heading]:
    """Yield the headings of a page where their titles stand, else at its top.

    Ascending: one that stands above the one before it has no width there.
    """
    reached = 0
    for _, level, title in entries:
        found = _line_of(title, page, reached)
        begin, end = found or (reached, reached)
        reached = end
        yield Heading(start + begin, start + end, level, title)


def _line_of(title: str, page: str, after: int) -> tuple[int, int] | None:
    """Return where the lines of a title begin and end."""
    for wanted in (title, _NUMBERING.sub("", title, count=1)):
        words = r"\s+".join(re.escape(word) for word in wanted.split())
        line = re.compile(
            rf"^[^\n]{{0,20}}?{words}[ \t]*$\n?", re.MULTILINE | re.IGNORECASE
        )
        if words and (found := line.search(page, after)):
            return found.span()
    return None
