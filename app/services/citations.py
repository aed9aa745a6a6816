"""From the marks in an answer to the citations that go with it.

The model sees its passages numbered from ``[1]``. The rule for what leaves us: the
marks of an answer count its citations. The first passage that the answer names is
``[1]`` and ``citations[0]``, the next new one ``[2]`` and ``citations[1]``. So marks
are renumbered as they appear, which a stream allows, and marks of passages that do
not exist are removed.
"""

import re
from collections.abc import Sequence

from app.models.document import Chunk, Passage
from app.models.message import Citation
from app.services.quoting import carriers, denies, quote

# All bounded: an answer of nothing but blanks must not take quadratic time.
_NUMBERS = r"\d{1,3}(?:[ ]?(?:,|;|-|\u2013)[ ]?\d{1,3}){0,7}"
_MARK = re.compile(rf"(?P<before>[ ]{{0,8}})\[[ ]?(?P<numbers>{_NUMBERS})[ ]?\](?!\()")
# What the next delta may still make a mark, and a mark that "(" would make a link.
_UNFINISHED = re.compile(r"[ ]{0,8}(?:\[[ ]?(?:\d[\d ,;\u2013-]{0,48})?\]?)?\Z")
_RANGE = re.compile(r"(\d+)(?: ?[-\u2013] ?(\d+))?")


class CitedAnswer:
    """An answer as it streams: its marks put right, its citations gathered.

    With ``cite`` false every mark is removed and nothing is cited.
    """

    def __init__(
        self, question: str, passages: Sequence[Passage], *, cite: bool = True
    ) -> None:
        self._question = question
        self._passages = passages if cite else ()
        self._order: list[int] = []
        self._held = ""
        self._sent: list[str] = []

    @property
    def text(self) -> str:
        """What has gone out so far."""
        return "".join(self._sent)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the text so far rests on; its mark ``[1]`` stands for the first.

        A text without marks (small models forget them) cites the passages that
        carry it, unless it says that it does not know.
        """
        text = self.text
        cited = [self._passages[number - 1] for number in self._order]
        if not cited and self._passages and not denies(text):
            cited = carriers(self._passages, answer=text, question=self._question)
        return tuple(self._citation(passage.chunk, text) for passage in cited)

    def _citation(self, chunk: Chunk, text: str) -> Citation:
        words = quote(chunk, answer=text, question=self._question)
        return Citation(
            document_id=chunk.document_id,
            filename=chunk.filename,
            page=chunk.page_at(chunk.text.find(words)),
            heading=chunk.heading,
            quote=words,
        )

    def add(self, delta: str) -> str:
        """Return what of the answer may go out now, perhaps nothing.

        Held back is only what may be an unfinished mark, with the blanks before it.
        """
        text = self._held + delta
        held = _UNFINISHED.search(text)
        end = held.start() if held else len(text)
        self._held = text[end:]
        return self._send(text[:end])

    def finish(self) -> str:
        """Return what was held back: the answer is whole."""
        held, self._held = self._held, ""
        return self._send(held)

    def _send(self, text: str) -> str:
        sent = _MARK.sub(self._renumbered, text)
        self._sent.append(sent)
        return sent

    def _renumbered(self, mark: re.Match[str]) -> str:
        places = []
        for number in _numbers(mark["numbers"], highest=len(self._passages)):
            if number not in self._order:
                self._order.append(number)
            places.append(self._order.index(number) + 1)
        if not places:
            return ""
        return mark["before"] + "".join(f"[{place}]" for place in places)


def _numbers(text: str, *, highest: int) -> list[int]:
    """Return the passages that a mark such as ``1, 3-5`` names and that exist."""
    found: list[int] = []
    for first, last in _RANGE.findall(text):
        found += range(int(first), min(int(last or first), highest) + 1)
    return [number for number in dict.fromkeys(found) if 1 <= number <= highest]
