"""A chat completion as it comes in: streamed, or as one JSON document."""

import json
import re

from pydantic_core import from_json

from app.services.llm.sse import Events, NoEvents, TooLong

LINE_PER_TEXT = 8  # escapes and envelope: bytes of a line per byte of its text
SANE_TOKENS = 2**31

_CONTENT = re.compile(rb'"content"\s*:\s*"')
_LENIENT = json.JSONDecoder(strict=False)


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
    """Takes in one answer; on the way and afterwards it tells what came.

    ``limit`` is in bytes of text. Blank text is held back until there is more.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._line_limit = limit * LINE_PER_TEXT + 65_536
        self._begun = False
        self._document: bytearray | None = None
        self._events = Events(limit=self._line_limit)
        self._blank = ""
        self._pieces: list[str] = []
        self._size = 0
        self._usage: dict[str, object] = {}
        self._chunks = 0
        self._others = 0
        self.model: str | None = None
        self.finished = False
        """The provider says why it stopped: nothing of the text is missing."""
        self.done = False
        """Not even usage will follow."""
        self.trouble: Garbage | Flood | ErrorInAnswer | None = None
        """What came behind the text so far, and ends it."""

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def started(self) -> bool:
        return bool(self._pieces)

    @property
    def whole(self) -> bool:
        cut_off = isinstance(self.trouble, Flood)
        return (self.finished or self.done) and not cut_off

    def tokens(self, name: str) -> int | None:
        count = self._usage.get(name)
        if not isinstance(count, int) or isinstance(count, bool):
            return None
        return count if 0 <= count < SANE_TOKENS else None

    def feed(self, block: bytes) -> str:
        """Return the text in the next block of the body; an empty block is its end."""
        texts: list[str] = []
        try:
            self._feed(block, texts)
        except TooLong as exc:
            texts.append(_cut_content(exc.start))
            self.trouble = Flood()
        except (Garbage, NoEvents):
            self.trouble = Garbage()
        except ErrorInAnswer as exc:
            self.trouble = exc
        text = "".join(texts)
        return self._add(text) if text else ""

    def _feed(self, block: bytes, texts: list[str]) -> None:
        for data in self._data(block):
            if data.strip() == b"[DONE]":
                self.done = True
                return
            if not data or data.isspace():
                continue
            try:
                part = _parsed(data)
            except Garbage:
                if block or self._document is not None:
                    raise
                return  # cut off within an event
            texts.append(self._take(part))
        if not block:
            if self._others and not self._chunks:
                raise Garbage
            self.done = self.done or self._document is not None

    def _data(self, block: bytes) -> list[bytes]:
        """Return what is whole now: events, or at the end the document."""
        if not self._begun:
            block = block.lstrip(b"\xef\xbb\xbf \t\r\n")
            self._begun = bool(block)
            if block.startswith(b"<"):
                raise Garbage
            if block.startswith((b"{", b"[")):
                self._document = bytearray()
        if self._document is not None:
            self._document += block
            if len(self._document) > self._line_limit:
                raise TooLong(bytes(self._document))
            return [] if block else [bytes(self._document)]
        return self._events.feed(block) if block else self._events.end()

    def _take(self, part: object) -> str:
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
        return "".join([self._take_choice(choice) for choice in choices])

    def _take_choice(self, choice: object) -> str:
        if not isinstance(choice, dict):
            raise Garbage
        if choice.get("index"):
            return ""  # only one answer was asked for
        message = choice.get("delta" if self._document is None else "message")
        finish = choice.get("finish_reason")
        if message is None:
            message = {}
        if not isinstance(message, dict) or not isinstance(finish, str | None):
            raise Garbage
        text = _text(message.get("content")) or _text(message.get("refusal"))
        self.finished = self.finished or bool(finish)
        return text

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
            self.trouble = Flood()
            text = encoded[:room].decode(errors="ignore")
        self._size += len(encoded)
        if text:
            self._pieces.append(text)
        return text


def _parsed(data: bytes) -> object:
    try:
        return from_json(data)
    except ValueError:
        pass
    try:
        return json.loads(data.decode())  # takes half characters
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
