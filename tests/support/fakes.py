"""In-memory repositories of the turn; they run the repositories' contract tests."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from app.models.chat import Channel, Chat, ChatStatus, QueuedTurn, TurnOutcome
from app.models.ids import new_id
from app.models.message import Inbound, Message, MessageStatus, Tokens
from app.models.usage import UsageEntry


class FakeChats:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chats: dict[str, Chat] = {}

    def get(self, chat_id: str) -> Chat | None:
        return self._chats.get(chat_id)

    def all(self) -> list[Chat]:
        return list(self._chats.values())

    def enqueue(
        self,
        *,
        assistant_id: str,
        channel: Channel,
        username: str | None,
        text: str,
        turn: QueuedTurn,
        new_status: ChatStatus,
        now: datetime,
    ) -> Chat:
        with self._lock:
            found = next(
                (
                    chat
                    for chat in self._chats.values()
                    if (chat.assistant_id, chat.channel) == (assistant_id, channel)
                ),
                None,
            )
            chat = found or Chat(
                id=new_id(),
                assistant_id=assistant_id,
                channel=channel,
                username=None,
                status=new_status,
                tokens=Tokens(),
                message=None,
                response=None,
                last_seq=0,
                queue=(),
                created_at=now,
                updated_at=now,
            )
            return self._save(
                replace(
                    chat,
                    username=chat.username if username is None else username,
                    message=text,
                    response=None,
                    last_seq=chat.last_seq + 1,
                    queue=(*chat.queue, turn),
                    updated_at=now,
                )
            )

    def requeue(self, chat_id: str, turn: QueuedTurn) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            return chat and self._save(replace(chat, queue=(*chat.queue, turn)))

    def settle(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> bool:
        with self._lock:
            now = self._chats.get(chat.id)
            if (
                now is None
                or not now.queue
                or now.queue[0].id != turn_id
                or now.queue[0].revoked
                or now.last_seq != outcome.seq - 1
                or now.active is outcome.suppressed
            ):
                return False
            head = replace(now.queue[0], outcome=outcome)
            self._save(
                replace(
                    now,
                    message=now.message if outcome.suppressed else question,
                    response=now.response if outcome.suppressed else outcome.text,
                    queue=(head, *now.queue[1:]),
                    last_seq=outcome.seq,
                    tokens=Tokens(
                        tokens_in=now.tokens.tokens_in + outcome.tokens.tokens_in,
                        tokens_out=now.tokens.tokens_out + outcome.tokens.tokens_out,
                    ),
                    updated_at=outcome.created_at,
                )
            )
            return True

    def reserve_seq(self, chat_id: str) -> int | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            if chat is None:
                return None
            return self._save(replace(chat, last_seq=chat.last_seq + 1)).last_seq

    def dequeue(self, chat_id: str, turn_id: str) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            left = tuple(t for t in chat.queue if t.id != turn_id) if chat else ()
            return chat and self._save(replace(chat, queue=left))

    def revoke(self, chat_id: str, turn_id: str) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            if chat is None:
                return None
            queue = tuple(
                replace(turn, revoked=True)
                if turn.id == turn_id and turn.outcome is None
                else turn
                for turn in chat.queue
            )
            return self._save(replace(chat, queue=queue))

    def find_by_process(self, process: str) -> list[Chat]:
        return [
            chat
            for chat in self.all()
            if any(turn.process == process for turn in chat.queue)
        ]

    def set_status(
        self, chat_id: str, status: ChatStatus, *, now: datetime
    ) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            return chat and self._save(replace(chat, status=status, updated_at=now))

    def remove_for_assistant(self, assistant_id: str) -> None:
        with self._lock:
            self._chats = {
                chat.id: chat
                for chat in self._chats.values()
                if chat.assistant_id != assistant_id
            }

    def _save(self, chat: Chat) -> Chat:
        self._chats[chat.id] = chat
        return chat


@dataclass(slots=True)
class _Entry:
    message: Message
    inbound: Inbound | None = None
    is_answer: bool = False


class FakeMessages:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def get(self, message_id: str) -> Message | None:
        found = self._entries.get(message_id)
        return found.message if found else None

    def find_answer(self, message_id: str) -> Message | None:
        return next(
            (
                entry.message
                for entry in self._entries.values()
                if entry.is_answer and entry.message.in_reply_to == message_id
            ),
            None,
        )

    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]:
        return [
            (entry.message, entry.inbound.fingerprint)
            for name in ("idempotency_key", "channel_message")
            for entry in list(self._entries.values())
            if entry.inbound and _same(entry.inbound, inbound, name)
        ]

    def release_inbound(self, message_id: str) -> None:
        if entry := self._entries.get(message_id):
            entry.inbound = None

    def add_inbound(self, message: Message, inbound: Inbound) -> bool:
        with self._lock:
            if self.find_inbound(inbound) or self._is_taken(message):
                return False
            self._entries[message.id] = _Entry(message, inbound=inbound)
            return True

    def add(self, message: Message) -> None:
        with self._lock:
            assert not self._is_taken(message), "its place is taken"
            self._entries[message.id] = _Entry(message)

    def add_answer(
        self, answer: Message, *, turn_id: str, status: MessageStatus
    ) -> None:
        assert answer.in_reply_to
        with self._lock:
            if not (self._is_taken(answer) or self.find_answer(answer.in_reply_to)):
                self._entries[answer.id] = _Entry(answer, is_answer=True)
            entry = self._entries.get(answer.in_reply_to)
            if entry and entry.message.turn == turn_id:
                entry.message = replace(entry.message, status=status, failure=None)

    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool:
        with self._lock:
            entry = self._entries.get(message_id)
            if (
                entry is None
                or entry.message.turn != turn_id
                or entry.message.status is not MessageStatus.PENDING
            ):
                return False
            entry.message = replace(entry.message, status=status, failure=failure)
            return True

    def reopen(self, message_id: str, *, turn_id: str) -> bool:
        with self._lock:
            entry = self._entries.get(message_id)
            if entry is None or entry.message.status is not MessageStatus.FAILED:
                return False
            entry.message = replace(
                entry.message,
                status=MessageStatus.PENDING,
                turn=turn_id,
                failure=None,
            )
            return True

    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]:
        return [m for m in self.all() if m.chat_id == chat_id and m.id in ids]

    def latest(self, chat_id: str, limit: int) -> list[Message]:
        return self.timeline(chat_id)[-limit:]

    def remove_for_assistant(self, assistant_id: str) -> None:
        with self._lock:
            self._entries = {
                name: entry
                for name, entry in self._entries.items()
                if entry.message.assistant_id != assistant_id
            }

    def all(self) -> list[Message]:
        return [entry.message for entry in list(self._entries.values())]

    def timeline(self, chat_id: str) -> list[Message]:
        """Return a chat's messages in order; only the fake has this."""
        mine = [message for message in self.all() if message.chat_id == chat_id]
        return sorted(mine, key=lambda message: message.seq)

    def _is_taken(self, message: Message) -> bool:
        return message.id in self._entries or any(
            (entry.message.chat_id, entry.message.seq) == (message.chat_id, message.seq)
            for entry in self._entries.values()
        )


class FakeUsage:
    def __init__(self) -> None:
        self.entries: dict[str, UsageEntry] = {}

    def add(self, entry: UsageEntry) -> None:
        self.entries.setdefault(entry.id, entry)


class FakeProcesses:
    def __init__(self) -> None:
        self._beats: dict[str, int] = {}

    def beat(self, process: str) -> None:
        self._beats[process] = self._beats.get(process, 0) + 1

    def beats(self) -> dict[str, int]:
        return dict(self._beats)

    def remove(self, process: str) -> None:
        self._beats.pop(process, None)


def _same(known: Inbound, asked: Inbound, name: str) -> bool:
    value = getattr(asked, name)
    return value is not None and getattr(known, name) == value
