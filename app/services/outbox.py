"""What a bot still has to bring to its contacts."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Protocol

from app.models.api_key import ApiKey
from app.models.chat import Chat
from app.models.event import ChatEvent, Event
from app.models.message import Message
from app.models.outbox import Delivery, HandedOut
from app.services.event_hub import Subscription

MOST_HANDED_OUT = 100
KEPT = timedelta(days=8)
LOOK_AGAIN = 1.0
BETWEEN_LOOKS = 0.05


class Messages(Protocol):
    def waiting_for(
        self, key_id: str, *, since: datetime, limit: int
    ) -> list[Message]: ...
    def outbox_keys(self) -> list[tuple[str, str]]: ...
    def delivered(self, ids: Collection[str]) -> None: ...
    def reassign_outbox(self, from_key: str, to_key: str) -> None: ...


class ApiKeys(Protocol):
    def find_main(self, assistant_id: str) -> ApiKey | None: ...
    def find_further(self, assistant_id: str, key_id: str) -> ApiKey | None: ...


class Chats(Protocol):
    def find_by_ids(self, ids: Collection[str]) -> list[Chat]: ...


class ChatEntries(Protocol):
    def change_key(self, assistant_id: str, from_key: str, to_key: str) -> None: ...


class Outboxes(Protocol):
    def get(self, key_id: str) -> HandedOut: ...
    def save(
        self,
        key_id: str,
        assistant_id: str,
        before: HandedOut,
        message_ids: Sequence[str],
    ) -> bool: ...


class Events(Protocol):
    def subscribe(self, wanted: Callable[[Event], bool]) -> Subscription: ...


class OutboxService:
    """Attendants' messages and late answers, for the key that posts in their chat.

    Each is handed out, in the order of its chat, until it is acknowledged: at least
    once. What is handed out is noted in the order given, so that an acknowledgement
    covers exactly what its bot has seen. After 8 days a message is too old to send.
    """

    def __init__(
        self,
        *,
        messages: Messages,
        chats: Chats,
        entries: ChatEntries,
        outboxes: Outboxes,
        keys: ApiKeys,
        events: Events,
        stopping: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._messages = messages
        self._chats = chats
        self._entries = entries
        self._outboxes = outboxes
        self._keys = keys
        self._events = events
        self._stopping = stopping
        self._now = now

    def acknowledge(self, key: ApiKey, message_id: str) -> None:
        """Take out what was handed out up to this message, itself included."""
        while True:
            before = self._outboxes.get(key.id)
            if message_id not in before.message_ids:
                return
            end = before.message_ids.index(message_id) + 1
            self._messages.delivered(before.message_ids[:end])
            if self._save(key, before, before.message_ids[end:]):
                return

    def next(self, key: ApiKey) -> list[Delivery]:
        """Return what the key has to deliver, up to 100 messages."""
        while True:
            before = self._outboxes.get(key.id)
            waiting, chats = self._waiting(key, len(before.message_ids))
            handed = [i for i in before.message_ids if i in waiting]
            fresh = [i for i in waiting if i not in before.message_ids]
            given = [*handed, *fresh][:MOST_HANDED_OUT]
            if tuple(given) == before.message_ids or self._save(key, before, given):
                return [_delivery(waiting[i], chats) for i in given]

    def wait(
        self, key: ApiKey, seconds: float, *, allowed: Callable[[], object]
    ) -> list[Delivery]:
        """Return what comes within so many seconds, as soon as it comes.

        ``allowed`` raises when the key opens nothing any more; asked every second.
        """
        give_up = time.monotonic() + seconds
        with closing(self._events.subscribe(_of(key.assistant_id))) as news:
            while not (found := self.next(key)):
                left = give_up - time.monotonic()
                if left <= 0 or self._stopping.wait(min(left, BETWEEN_LOOKS)):
                    break
                news.get(min(left, LOOK_AGAIN))
                allowed()
        return found

    def reassign(self, assistant_id: str, from_key: str, to_key: str) -> None:
        """Let another key of the assistant deliver what one had to."""
        self._entries.change_key(assistant_id, from_key, to_key)
        self._messages.reassign_outbox(from_key, to_key)

    def reassign_forsaken(self) -> None:
        """Let main keys deliver what lies with keys that have gone or expired.

        What was on its way when its key was deleted still comes to that key's outbox.
        """
        for key_id, assistant_id in self._messages.outbox_keys():
            main = self._keys.find_main(assistant_id)
            if main is None or key_id == main.id:
                continue
            key = self._keys.find_further(assistant_id, key_id)
            if key is None or (key.expires_at and key.expires_at <= self._now()):
                self.reassign(assistant_id, key_id, main.id)

    def _waiting(
        self, key: ApiKey, handed: int
    ) -> tuple[dict[str, Message], dict[str, Chat]]:
        """Return by id, in order, what may go out, and the chats that it goes to.

        The chats are read between two looks at the messages: what was on its way
        then holds up what comes behind it, and what began later has to wait.
        """
        since, limit = self._now() - KEPT, MOST_HANDED_OUT + handed
        found = self._messages.waiting_for(key.id, since=since, limit=limit)
        if not found:
            return {}, {}
        ids = {message.chat_id for message in found}
        chats = {chat.id: chat for chat in self._chats.find_by_ids(ids)}
        found = self._messages.waiting_for(key.id, since=since, limit=limit)
        waiting = {
            message.id: message
            for message in found
            if (chat := chats.get(message.chat_id)) and _is_next(message, chat)
        }
        return waiting, chats

    def _save(self, key: ApiKey, before: HandedOut, ids: Sequence[str]) -> bool:
        return self._outboxes.save(key.id, key.assistant_id, before, ids)


def _of(assistant_id: str) -> Callable[[Event], bool]:
    return lambda event: (
        isinstance(event, ChatEvent) and event.assistant_id == assistant_id
    )


def _is_next(message: Message, chat: Chat) -> bool:
    """Tell whether nothing that precedes it is still on its way to the outbox."""
    coming = [unwritten.message.seq for unwritten in chat.unwritten]
    coming += [turn.outcome.seq for turn in chat.queue if turn.outcome]
    return message.seq <= chat.last_seq and all(message.seq <= seq for seq in coming)


def _delivery(message: Message, chats: dict[str, Chat]) -> Delivery:
    return Delivery(
        id=message.id,
        chat_id=message.chat_id,
        channel=chats[message.chat_id].channel,
        author=message.author,
        text=message.text,
        in_reply_to=message.in_reply_to,
        created_at=message.created_at,
    )
