"""A chat completion as it comes in: streamed, or as one JSON document."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator

from app.services.llm.sse import NoEvents, TooLong, data_of_events

LINE_PER_TEXT = 8  # escapes and envelope: bytes of a line per byte of its text
SANE_TOKENS = 2**31

_CONTENT = re.compile(rb'"content"\s*:\s*"')
_LENIENT = json.JSONDecoder(strict=False)

_Part = tuple[object, str]


class Garbage(Exception):
    """What came is no chat completion."""


class Flood(Exception):
    """The answer goes on past the limit; its text up to there was yielded."""


class ErrorInAnswer(Exception):
    """The provider reports an error where the answer should be."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


class Answer:
    """Reads one answer; afterwards it tells what came.

    ``limit`` is in bytes of text. Blank text is held back until there is more.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._line_limit = limit * LINE_PER_TEXT + 65_536
        self._blank = ""
        self._pieces: list[str] = []
        self._size = 0
        self._usage: dict[str, object] = {}
        self._chunks = 0
        self._others = 0
        self.cut_off = False
        self.model: str | None = None
        self.finished = False
        """The provider says why it stopped: nothing of the text is missing."""
        self.done = False
        """Not even usage will follow."""

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def started(self) -> bool:
        return bool(self._pieces)

    @property
    def whole(self) -> bool:
        return self.finished or self.done

    def tokens(self, name: str) -> int | None:
        count = self._usage.get(name)
        if not isinstance(count, int) or isinstance(count, bool):
            return None
        return count if 0 <= count < SANE_TOKENS else None

    def read(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Yield pieces of text; ``finished`` and ``done`` change on the way.

        A piece may be empty: it only means that something came.
        """
        chunks = iter(chunks)
        start = b""
        for chunk in chunks:
            start = (start + chunk).lstrip(b"\xef\xbb\xbf \t\r\n")
            if start:
                break
        if start[:1] == b"<":
            raise Garbage
        parts = self._document if start[:1] in (b"{", b"[") else self._events
        try:
            for part, of in parts(start, chunks):
                yield self._take(part, of)
                if self.cut_off:
                    raise Flood
        except TooLong as exc:
            yield self._add(_cut_content(exc.start))
            raise Flood from None
        except NoEvents:
            raise Garbage from None
        if self._others and not self._chunks:
            raise Garbage

    def _events(self, start: bytes, rest: Iterator[bytes]) -> Iterator[_Part]:
        # chain, unlike `yield from`, leaves `rest` open for its other readers
        chunks = itertools.chain([start], rest)
        for data, complete in data_of_events(chunks, limit=self._line_limit):
            if data.strip() == b"[DONE]":
                self.done = True
                return
            try:
                part = _parsed(data) if data.strip() else None
            except Garbage:
                if complete:
                    raise
                return
            if part is not None:
                yield part, "delta"

    def _document(self, start: bytes, rest: Iterator[bytes]) -> Iterator[_Part]:
        body = bytearray(start)
        for chunk in rest:
            body += chunk
            if len(body) > self._line_limit:
                raise TooLong(bytes(body))
        yield _parsed(bytes(body)), "message"
        self.done = True

    def _take(self, part: object, of: str) -> str:
        if not isinstance(part, dict):
            raise Garbage
        if part.get("error"):
            raise ErrorInAnswer(part["error"])
        usage, choices = part.get("usage"), part.get("choices")
        if isinstance(usage, dict):
            self._usage = usage
            choices = choices or []
        if choices is None and "choices" not in part:
            self._others += 1  # such as a gateway's ping
            return ""
        if not isinstance(choices, list):
            raise Garbage
        self._chunks += 1
        model = part.get("model")
        if model and isinstance(model, str):
            self.model = model[:200]
        return "".join([self._take_choice(choice, of) for choice in choices])

    def _take_choice(self, choice: object, of: str) -> str:
        if not isinstance(choice, dict):
            raise Garbage
        if choice.get("index"):
            return ""  # only one answer was asked for
        message, finish = choice.get(of), choice.get("finish_reason")
        if message is None:
            message = {}
        if not isinstance(message, dict) or not isinstance(finish, str | None):
            raise Garbage
        text = _text(message.get("content")) or _text(message.get("refusal"))
        piece = self._add(text) if text else ""
        self.finished = self.finished or bool(finish)
        return piece

    def _add(self, text: str) -> str:
        """Keep the text that the limit allows and return it."""
        if not self._pieces:
            text = self._blank + text
            if not text.strip():
                self._blank = text[: self._limit]
                return ""
        if not text.isascii():
            text = _encodable(text)
        encoded = text.encode()
        room = self._limit - self._size
        if len(encoded) > room:
            self.cut_off = True
            text = encoded[:room].decode(errors="ignore")
        self._size += len(encoded)
        if text:
            self._pieces.append(text)
        return text


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        raise Garbage from None


def _text(content: object) -> str:
    """Return the text of a content: a string, or parts of which some are text."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise Garbage
    texts = []
    for part in content:
        if not isinstance(part, dict):
            raise Garbage
        if part.get("type") == "text":
            texts.append(_text(part.get("text")))
    return "".join(texts)


def _cut_content(start: bytes) -> str:
    """Return the text in the start of a document that nobody reads to its end."""
    found = _CONTENT.search(start)
    if not found:
        return ""
    content = '"' + start[found.end() :].decode(errors="ignore")
    for cut in range(len("\\ud83d\\ude0")):
        try:
            text, _ = _LENIENT.raw_decode(content[: len(content) - cut] + '"')
        except ValueError:
            continue
        return str(text)
    return ""


def _encodable(text: str) -> str:
    """Return the text with what is half a character replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
