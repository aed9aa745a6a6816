"""What people do in a chat: an entry on its timeline and a new state, as one."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.errors import ChatNotFound, StorageFull, StoreUnavailable
from app.models.chat import Chat, ChatState
from app.models.ids import new_id
from app.models.message import Author, Message, MessageStatus
from app.services.timeline import Timeline

log = logging.getLogger(__name__)

Change = Callable[[Chat, datetime], ChatState | None]
"""What an entry of this time makes of a chat's state; None: there is no entry."""


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...


class ChatEntries(Protocol):
    def append(
        self, chat: Chat, entry: Message, state: ChatState, *, process: str
    ) -> Chat | None: ...
    def written(self, chat_id: str, entry_id: str) -> None: ...
    def find_unwritten(self, process: str) -> list[Chat]: ...


class Messages(Protocol):
    def add_entry(self, message: Message) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry before it has its place; ``deliver``: it goes to the contact."""

    author: Author
    text: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    deliver: bool = False


class Entries:
    """Puts entries onto timelines.

    One write of the chat decides: it gives the entry its place, changes the state
    and holds the entry until it lies among the messages, which a crash may delay.
    """

    def __init__(
        self,
        *,
        process: str,
        chats: Chats,
        entries: ChatEntries,
        messages: Messages,
        timeline: Timeline,
        now: Callable[[], datetime],
    ) -> None:
        self._process = process
        self._chats = chats
        self._entries = entries
        self._messages = messages
        self._timeline = timeline
        self._now = now
        self._under_way: set[str] = set()

    def append(
        self, chat: Chat, draft: Draft, change: Change
    ) -> tuple[Chat, Message | None]:
        """Append an entry with the state that ``change`` makes of the present chat.

        Where ``change`` returns None nothing happens, and there is no entry. One
        that is decided and cannot be written down now is left to the recovery.
        Raises ChatNotFound, and what ``change`` raises.
        """
        entry_id = new_id()
        self._under_way.add(entry_id)
        try:
            current: Chat | None = chat
            while current:
                at = max(self._now(), current.updated_at)
                state = change(current, at)
                if state is None:
                    return current, None
                entry = self._placed(current, draft, entry_id, at)
                changed = self._entries.append(
                    current, entry, state, process=self._process
                )
                if changed:
                    self._write_if_possible(changed, entry)
                    return changed, entry
                current = self._chats.get(chat.id)
            raise ChatNotFound
        finally:
            self._under_way.discard(entry_id)

    def finish(self, process: str) -> None:
        """Write down what a process that is gone left lying in its chats."""
        for chat in self._entries.find_unwritten(process):
            for unwritten in chat.unwritten:
                entry = unwritten.message
                if unwritten.process == process and entry.id not in self._under_way:
                    self._write(chat, entry)

    def _placed(self, chat: Chat, draft: Draft, entry_id: str, at: datetime) -> Message:
        return Message(
            id=entry_id,
            chat_id=chat.id,
            assistant_id=chat.assistant_id,
            seq=chat.last_seq + 1,
            author=draft.author,
            text=draft.text,
            status=MessageStatus.SENT if draft.deliver else MessageStatus.NOTE,
            created_at=at,
            metadata=draft.metadata,
            deliver_to=chat.key_id if draft.deliver else None,
        )

    def _write_if_possible(self, chat: Chat, entry: Message) -> None:
        try:
            self._write(chat, entry)
        except (StoreUnavailable, StorageFull) as exc:
            told = {"chat_id": chat.id, "message_id": entry.id, "code": exc.code}
            log.warning("entry left to the recovery", extra=told)

    def _write(self, chat: Chat, entry: Message) -> None:
        self._messages.add_entry(entry)
        self._entries.written(chat.id, entry.id)
        self._timeline.announce(chat, entry.id)
