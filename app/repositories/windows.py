"""The ends of timelines as this process last knew them."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from app.models.message import Message, MessageStatus

MOST_CHARACTERS = 12_000_000  # near 30 MB, some thousand chats
MESSAGE = 600  # what a message takes besides its text, in characters


@dataclass(slots=True)
class _Window:
    """The latest ``size`` messages of a chat; all of them where it has fewer.

    Only the last one may be pending: what became of others, another process may
    have written without a new place on the timeline.
    """

    size: int
    messages: list[Message]

    @property
    def upto(self) -> int:
        return self.messages[-1].seq

    @property
    def characters(self) -> int:
        return sum(map(_characters, self.messages))


class Windows:
    """Keeps the ends of timelines, so that a chat's next turn need not read its own.

    A chat's ``last_seq`` tells whether one still holds: whoever adds to a timeline,
    in any process, takes the next ``seq``. The longest unused go first.
    """

    def __init__(self, *, characters: int = MOST_CHARACTERS) -> None:
        self._room = characters
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def read(self, chat_id: str, limit: int, *, upto: int) -> list[Message] | None:
        """Return the latest messages, oldest first; None when they are not known."""
        with self._lock:
            window = self._windows.get(chat_id)
            if window is None or window.upto != upto or window.size < limit:
                return None
            self._windows.move_to_end(chat_id)
            return window.messages[-limit:]

    def keep(self, chat_id: str, messages: list[Message], *, size: int) -> None:
        """Keep what was read of a timeline on which nobody else is at work."""
        if not messages or any(map(_is_pending, messages[:-1])):
            return
        window = _Window(size, messages)
        with self._lock:
            self._take_out(chat_id)
            self._windows[chat_id] = window
            self._room -= window.characters
            while self._room < 0:
                self._take_out(next(iter(self._windows)))

    def append(self, message: Message) -> None:
        """Follow what this process has added; a window that it does not fit goes."""
        with self._lock:
            window = self._windows.get(message.chat_id)
            if window is None:
                return
            if message.seq != window.upto + 1 or _is_pending(window.messages[-1]):
                self._take_out(message.chat_id)
            else:
                self._add(window, message)

    def answer(self, answer: Message, *, status: MessageStatus) -> None:
        """Follow an answer, and what became of its question."""
        with self._lock:
            window = self._windows.get(answer.chat_id)
            if window is None:
                return
            question = window.messages[-1]
            if answer.seq != window.upto + 1 or question.id != answer.in_reply_to:
                self._take_out(answer.chat_id)
                return
            window.messages[-1] = replace(question, status=status, failure=None)
            self._add(window, answer)

    def clear(self) -> None:
        with self._lock:
            while self._windows:
                self._take_out(next(iter(self._windows)))

    def _add(self, window: _Window, message: Message) -> None:
        window.messages.append(message)
        self._room -= _characters(message)
        if len(window.messages) > window.size:
            self._room += _characters(window.messages.pop(0))

    def _take_out(self, chat_id: str) -> None:
        window = self._windows.pop(chat_id, None)
        if window is not None:
            self._room += window.characters


def _characters(message: Message) -> int:
    quoted = sum(len(citation.quote) for citation in message.citations)
    metadata = sum(len(value) for value in message.metadata.values())
    return MESSAGE + len(message.text) + quoted + metadata


def _is_pending(message: Message) -> bool:
    return message.status is MessageStatus.PENDING
