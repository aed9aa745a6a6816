"""From the marks in an answer to the citations that go with it.

The model sees its passages numbered from ``[1]``. The rule for what leaves us: the
marks of an answer count its citations. The first passage that the answer names is
``[1]`` and ``citations[0]``, the next new one ``[2]`` and ``citations[1]``. So marks
are renumbered as they appear, which a stream allows, all in this one way of writing,
and marks of passages that do not exist are removed. Code is left as it is: ``a[1]``
is no mark there. A link whose text is a number is one where passages were shown.
"""

import re
from collections.abc import Iterable, Sequence

from app.models.document import Chunk, Passage
from app.models.message import Citation
from app.services.marks import joins, marks, numbers, unfinished
from app.services.prose import Prose
from app.services.quoting import carriers, denies, quote

_TAIL = 10
"""Characters of what has gone out that tell what a removed mark stands in."""


class CitedAnswer:
    """An answer as it streams: its marks put right, its citations gathered.

    With ``cite`` false every mark is removed and nothing is cited.
    """

    def __init__(
        self, question: str, passages: Sequence[Passage], *, cite: bool = True
    ) -> None:
        self._question = question
        self._passages = passages if cite else ()
        self._numbered = bool(passages)
        self._order: list[int] = []
        self._prose = Prose()
        self._held = ""
        self._sent: list[str] = []
        self._tail = ""

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

        Held back is only what may be an unfinished mark, with the blanks before it,
        or the beginning of code.
        """
        return self._send(self._prose.cut(delta))

    def finish(self) -> str:
        """Return what was held back: the answer is whole."""
        return self._send(self._prose.cut("", last=True), last=True)

    def _send(
        self, stretches: Iterable[tuple[str, bool]], *, last: bool = False
    ) -> str:
        before = len(self._sent)
        for stretch, is_code in stretches:
            text = self._held + ("" if is_code else stretch)
            end = len(text) if is_code else unfinished(text)
            self._put_right(text[:end], after=stretch if is_code else "")
            self._held = text[end:]
            if is_code:
                self._emit(stretch)
        if last:
            self._put_right(self._held)
            self._held = ""
        return "".join(self._sent[before:])

    def _put_right(self, text: str, *, after: str = "") -> None:
        place = 0
        for begin, mark in marks(text):
            self._emit(text[place:begin])
            place = mark.end()
            put = self._renumbered(mark, before=text[begin : mark.start()])
            if not put and joins(self._tail, text[place : place + 1] or after):
                put = " "
            self._emit(put)
        self._emit(text[place:])

    def _emit(self, text: str) -> None:
        self._sent.append(text)
        self._tail = (self._tail + text[-_TAIL:])[-_TAIL:]

    def _renumbered(self, mark: re.Match[str], *, before: str) -> str:
        named = numbers(mark, highest=len(self._passages))
        if named is None or (mark["target"] and not self._numbered):
            return before + mark[0]
        self._order += [number for number in named if number not in self._order]
        places = "".join(f"[{self._order.index(number) + 1}]" for number in named)
        return before.removesuffix("\\") + places if places else ""
