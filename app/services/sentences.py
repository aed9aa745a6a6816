"""A text's sentences, to quote from it."""

import re

_END = re.compile(
    r"(?<!\b[A-Z])(?<!\b(?:Av|Dr|Sr|St|Mr|Ms|No))(?<!\b(?:Sra|Dra|Mrs|tel|Tel|Inc))"
    r"[.!?…][)\"”»*_\]]*(?=\s+[^\sa-zà-ÿ])"
)
_BLOCK = re.compile(r"\s*(?:[-*+>|#]|\d{1,3}[.)]\s|$)")
_WRAPPED_AT = 60
"""A line of prose shorter than this ends a sentence, as in a list of hours."""


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where each sentence, or line that is none, begins and ends."""
    found = []
    for start, end in _paragraphs(text):
        begin = start
        for stop in [*(end_.end() for end_ in _END.finditer(text, start, end)), end]:
            part = text[begin:stop]
            if part.strip():
                first = begin + len(part) - len(part.lstrip())
                found.append((first, begin + len(part.rstrip())))
            begin = stop
    return found


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Return the runs of lines that one text flows through."""
    found: list[tuple[int, int]] = []
    start = place = 0
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        place += len(line) + 1
        flows = len(line) >= _WRAPPED_AT and not _BLOCK.match(following)
        if not flows:
            found.append((start, place - 1))
            start = place
    return found
