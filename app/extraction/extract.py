from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading's place in the text; ``end`` is behind its line, 1 the top level.

    A heading that its page does not show has no width.
    """

    start: int
    end: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What a document says.

    ``text`` has line feeds as its only line ends and no control characters but
    tabs. ``markdown`` says that its headings stand in the text as Markdown's.
    ``pages`` are where each begins and its number, ascending; empty where the
    format knows none.
    """

    text: str
    markdown: bool = False
    headings: tuple[Heading, ...] = ()
    pages: tuple[tuple[int, int], ...] = ()


class ExtractionFailed(Exception):
    """A document could not be read.

    ``reason`` has its words under ``document.<reason>``; ``detail`` is for the log
    and holds nothing of the document.
    """

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
