import re
import time
from collections.abc import Callable

from app.extraction.extract import Extract, ExtractionFailed, Heading

LONGEST_HEADING = 200
"""Characters; a longer paragraph is none, whatever its style says."""

DEEPEST_HEADING = 6

_SECONDS_BETWEEN_PROGRESS = 0.2

_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_WORD = re.compile(r"\w")

Progress = Callable[[int, int | None], None]


class Draft:
    """The text of a document while a reader writes it.

    Raises ExtractionFailed when it gets longer than ``most`` characters.
    """

    def __init__(self, *, most: int, on_progress: Progress) -> None:
        self._most = most
        self._on_progress = on_progress
        self._said = 0.0
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[tuple[int, int]] = []
        self.markdown = False

    @property
    def length(self) -> int:
        return self._length

    def write(self, text: str) -> None:
        """Add text as it is, but for what no text should hold."""
        text = clean(text)
        self._length += len(text)
        self.check_length(self._length)
        self._parts.append(text)

    def check_length(self, length: int) -> None:
        """Raises ExtractionFailed."""
        if length > self._most:
            raise ExtractionFailed("too_long")

    def line(self, text: str) -> None:
        """Add lines; nothing for white space."""
        if text and not text.isspace():
            self.write(text.strip("\r\n").rstrip() + "\n")

    def blank(self) -> None:
        """Leave a line empty, at most one in a row."""
        if self._parts and not (self._parts[-1] == "\n" or self._fresh_page()):
            self.write("\n")

    def heading(self, level: int, title: str) -> None:
        title = " ".join(clean(title).split())
        if not title or len(title) > LONGEST_HEADING:
            self.line(title)
            return
        self.blank()
        start = self._length
        self.line(title)
        self.add_heading(Heading(start, self._length, level, title))

    def add_heading(self, heading: Heading) -> None:
        """Say that what is written already is a heading."""
        level = min(max(heading.level, 1), DEEPEST_HEADING)
        self._headings.append(
            Heading(heading.start, heading.end, level, heading.title[:LONGEST_HEADING])
        )

    def page(self, number: int) -> None:
        """Begin a page."""
        self.blank()
        self._pages.append((self._length, number))

    def progress(self, done: int, of: int | None) -> None:
        now = time.monotonic()
        if now - self._said >= _SECONDS_BETWEEN_PROGRESS:
            self._said = now
            self._on_progress(done, of)

    def finished(self) -> Extract:
        """Raises ExtractionFailed when there is not a word in it."""
        text = "".join(self._parts)
        if not _WORD.search(text):
            raise ExtractionFailed("empty")
        return Extract(
            text=text,
            markdown=self.markdown,
            headings=tuple(self._headings),
            pages=tuple(self._pages),
        )

    def _fresh_page(self) -> bool:
        return bool(self._pages) and self._pages[-1][0] == self._length


def clean(text: str) -> str:
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))
