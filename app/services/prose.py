"""Prose apart from code in an answer, as it streams."""

import re
from collections.abc import Iterator

LONGEST_SPAN = 200
"""Characters of code within a line: what may be code is held back no longer."""

_LONGEST_TICKS = 20
# A line, or all lines together up to the next that may begin or end code.
_LINES = re.compile(r"[^`~]*\n|[^\n]*\n|[^\n]+")
_TICKS = re.compile(rf"`{{1,{_LONGEST_TICKS}}}")
_OPENS = re.compile(r"[ \t>]{0,20}(?P<fence>`{3,}(?!.*`)|~{3,})")
_MAY_OPEN = re.compile(r"[ \t>]{0,20}(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^\n]*)?")
_MAY_CLOSE = re.compile(r"[ \t>]{0,20}(?P<fence>`*|~*)[ \t]{0,20}\r?\n?")


class Prose:
    """Cuts an answer in Markdown into prose and code.

    Code is what stands between fences, or within one line between equal runs of
    backticks; and an answer that begins with a brace, which is data for a program.
    How the answer is cut into deltas changes nothing.
    """

    def __init__(self) -> None:
        self._held = ""
        self._begun = False
        self._is_data = False
        self._at_line_start = True
        self._fence = ""

    def cut(self, delta: str, *, last: bool = False) -> Iterator[tuple[str, bool]]:
        """Yield the stretches that are certain now, each with whether it is code."""
        if not self._begun and (begin := delta.lstrip()[:1]):
            self._begun, self._is_data = True, begin == "{"
        text, self._held = self._held + delta, ""
        if self._is_data:
            yield text, True
            return
        for line in _LINES.findall(text):
            whole = last or line.endswith("\n")
            is_short = len(line) <= LONGEST_SPAN
            at_start = self._at_line_start
            if at_start and is_short and not whole and self._may_be_fence(line):
                self._held = line
                return
            self._at_line_start = line.endswith("\n")
            if self._fence:
                yield line, True
                if at_start and is_short and self._closes(line):
                    self._fence = ""
            elif at_start and is_short and (opening := _OPENS.match(line)):
                self._fence = opening["fence"]
                yield line, True
            else:
                yield from self._spans(line, at_start=at_start, whole=whole)

    def _may_be_fence(self, line: str) -> bool:
        return bool((_MAY_CLOSE if self._fence else _MAY_OPEN).fullmatch(line))

    def _closes(self, line: str) -> bool:
        found = _MAY_CLOSE.fullmatch(line)
        return found is not None and found["fence"].startswith(self._fence)

    def _spans(
        self, line: str, *, at_start: bool, whole: bool
    ) -> Iterator[tuple[str, bool]]:
        begin = place = 0
        end = len(line)
        while opening := _TICKS.search(line, place):
            closing = _closing(line, opening)
            if closing and (whole or closing.end() < len(line)):
                if begin < opening.start():
                    yield line[begin : opening.start()], False
                yield line[opening.start() : closing.end()], True
                begin = place = closing.end()
            elif whole or len(line) > _sight(opening):
                place = opening.end()
            else:
                end = opening.start()
                break
        if begin < end:
            yield line[begin:end], False
        self._held = line[end:]
        if not end:
            self._at_line_start = at_start


def _sight(opening: re.Match[str]) -> int:
    """Return the place up to which a span's end may stand."""
    return opening.end() + LONGEST_SPAN + _LONGEST_TICKS


def _closing(line: str, opening: re.Match[str]) -> re.Match[str] | None:
    for found in _TICKS.finditer(line, opening.end(), _sight(opening)):
        if found.start() > opening.end() + LONGEST_SPAN:
            break
        if found[0] == opening[0]:
            return found
    return None
