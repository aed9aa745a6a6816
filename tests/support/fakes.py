"""In-memory repositories of the turn; they run the repositories' contract tests."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.models.attended import AttendedChat
from app.models.chat import (
    Channel,
    Chat,
    ChatState,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
    UnwrittenEntry,
)
from app.models.event import ChatEvent
from app.models.ids import new_id
from app.models.message import Inbound, Message, MessageStatus, Tokens
from app.models.outbox import HandedOut
from app.models.usage import UsageEntry
from app.services.event_hub import EventHub, Subscription, Wanted
from tests.support.made import NOW

BOT = ChatStatus.BOT


class FakeChats:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chats: dict[str, Chat] = {}

    def get(
        self, chat_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Chat | None:
        chat = self._chats.get(chat_id)
        if chat is None or assistant_ids is None or chat.assistant_id in assistant_ids:
            return chat
        return None

    def find_by_channel_id(
        self, channel_id: str, *, assistant_ids: Sequence[str] | None
    ) -> list[Chat]:
        return [
            chat
            for chat in self.all()
            if chat.channel.id == channel_id
            and (assistant_ids is None or chat.assistant_id in assistant_ids)
        ]

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
                state=ChatState(status=new_status),
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
                    state=replace(chat.state, unread=chat.state.unread + 1),
                    key_id=turn.key_id,
                    updated_at=max(now, chat.updated_at),
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
                or now.status is not (chat.status if outcome.suppressed else BOT)
            ):
                return False
            head = replace(now.queue[0], outcome=outcome)
            unread = now.state.unread if outcome.suppressed else len(now.queue) - 1
            self._save(
                replace(
                    now,
                    message=now.message if outcome.suppressed else question,
                    response=now.response if outcome.suppressed else outcome.text,
                    queue=(head, *now.queue[1:]),
                    last_seq=outcome.seq,
                    state=replace(now.state, unread=unread),
                    tokens=Tokens(
                        tokens_in=now.tokens.tokens_in + outcome.tokens.tokens_in,
                        tokens_out=now.tokens.tokens_out + outcome.tokens.tokens_out,
                    ),
                    updated_at=outcome.created_at,
                )
            )
            return True

    def settle_and_dequeue(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> Chat | None:
        if not self.settle(chat, turn_id, outcome, question=question):
            return None
        return self.dequeue(chat.id, turn_id)

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

    def withdraw(self, chat_id: str, turn_id: str) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            left = tuple(t for t in chat.queue if t.id != turn_id) if chat else ()
            if chat is None or left == chat.queue:
                return chat
            unread = chat.state.unread - 1
            return self._save(
                replace(chat, queue=left, state=replace(chat.state, unread=unread))
            )

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

    def resume(self, chat_id: str, old: QueuedTurn, new: QueuedTurn) -> Chat | None:
        with self._lock:
            chat = self._chats.get(chat_id)
            if chat is None or old not in chat.queue or old.outcome or old.revoked:
                return None
            queue = tuple(new if turn == old else turn for turn in chat.queue)
            return self._save(replace(chat, queue=queue))

    def set_status(self, chat_id: str, status: ChatStatus) -> None:
        """Put a chat into a state without an entry; only the fake has this."""
        with self._lock:
            chat = self._chats[chat_id]
            self._save(replace(chat, state=replace(chat.state, status=status)))

    def find_by_ids(self, ids: Collection[str]) -> list[Chat]:
        return [chat for chat in self.all() if chat.id in ids]

    # What ChatEntryRepository does

    def append(
        self, chat: Chat, entry: Message, state: ChatState, *, process: str
    ) -> Chat | None:
        with self._lock:
            now = self._chats.get(chat.id)
            if now is None or now.last_seq != entry.seq - 1:
                return None
            unwritten = UnwrittenEntry(message=entry, process=process)
            left_bot = now.left_bot if state.status is ChatStatus.BOT else entry.seq
            return self._save(
                replace(
                    now,
                    state=state,
                    last_seq=entry.seq,
                    left_bot=left_bot,
                    unwritten=(*now.unwritten, unwritten),
                    updated_at=entry.created_at,
                )
            )

    def written(self, chat_id: str, entry_id: str) -> None:
        with self._lock:
            if chat := self._chats.get(chat_id):
                left = tuple(u for u in chat.unwritten if u.message.id != entry_id)
                self._save(replace(chat, unwritten=left))

    def find_unwritten(self, process: str) -> list[Chat]:
        return [c for c in self.all() if any(u.process == process for u in c.unwritten)]

    def list_attended(self, assistant_ids: Collection[str]) -> list[AttendedChat]:
        return [
            AttendedChat(
                id=chat.id,
                assistant_id=chat.assistant_id,
                attended=chat.state.attended,
            )
            for chat in self.all()
            if chat.state.attended is not None and chat.assistant_id in assistant_ids
        ]

    def change_key(self, assistant_id: str, from_key: str, to_key: str) -> None:
        with self._lock:
            for chat in self.all():
                if (chat.assistant_id, chat.key_id) == (assistant_id, from_key):
                    self._save(replace(chat, key_id=to_key))

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

    def keep(self, message_id: str) -> None:
        pass

    def add_entry(self, message: Message) -> None:
        with self._lock:
            if not self._is_taken(message):
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

    def resume(self, message_id: str, *, turn_id: str, resumed_from: str) -> bool:
        with self._lock:
            entry = self._entries.get(message_id)
            if (
                entry is None
                or entry.message.status is not MessageStatus.PENDING
                or entry.message.turn not in {resumed_from, turn_id}
            ):
                return False
            entry.message = replace(entry.message, turn=turn_id)
            return True

    def waiting_for(self, key_id: str, *, since: datetime, limit: int) -> list[Message]:
        waiting = [
            message
            for message in self.all()
            if message.deliver_to == key_id and message.created_at >= since
        ]
        return sorted(waiting, key=lambda m: (m.created_at, m.seq))[:limit]

    def put_in_outbox(
        self,
        message_id: str,
        key_id: str,
        *,
        created_at: datetime,  # noqa: ARG002
        seq: int,  # noqa: ARG002
    ) -> None:
        with self._lock:
            if entry := self._entries.get(message_id):
                entry.message = replace(entry.message, deliver_to=key_id)

    def outbox_keys(self) -> list[tuple[str, str]]:
        found = {(m.deliver_to, m.assistant_id) for m in self.all() if m.deliver_to}
        return sorted((key, assistant) for key, assistant in found if key)

    def delivered(self, ids: Collection[str]) -> None:
        with self._lock:
            for entry in self._entries.values():
                if entry.message.id in ids:
                    entry.message = replace(entry.message, deliver_to=None)

    def reassign_outbox(self, from_key: str, to_key: str) -> None:
        with self._lock:
            for entry in self._entries.values():
                if entry.message.deliver_to == from_key:
                    entry.message = replace(entry.message, deliver_to=to_key)

    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]:
        return [m for m in self.all() if m.chat_id == chat_id and m.id in ids]

    def latest(
        self,
        chat_id: str,
        limit: int,
        *,
        upto: int | None = None,  # noqa: ARG002 - reading is free here
    ) -> list[Message]:
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


class FakeOutboxes:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[str, HandedOut]] = {}

    def get(self, key_id: str) -> HandedOut:
        return self._rows.get(key_id, ("", HandedOut()))[1]

    def save(
        self,
        key_id: str,
        assistant_id: str,
        before: HandedOut,
        message_ids: Sequence[str],
    ) -> bool:
        with self._lock:
            if self.get(key_id).version != before.version:
                return False
            now = HandedOut(version=before.version + 1, message_ids=tuple(message_ids))
            self._rows[key_id] = (assistant_id, now)
            return True

    def remove_for_assistant(self, assistant_id: str) -> None:
        with self._lock:
            self._rows = {k: v for k, v in self._rows.items() if v[0] != assistant_id}


class FakeEvents:
    """What was published, for a test to look at; heard in this process alone."""

    def __init__(self) -> None:
        self.published: list[ChatEvent] = []
        self._hub = EventHub(process="p1", now=lambda: NOW)

    def publish(self, event: ChatEvent) -> None:
        self.published.append(event)
        self._hub.publish(event)

    def subscribe(self, wanted: Wanted) -> Subscription:
        return self._hub.subscribe(wanted, after=None)[0]


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
