"""Taking a contact's message in: once, durably, in its place."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.errors import ChatNotFound, TurnInProgress, Unauthorized
from app.models.api_key import ApiKey
from app.models.assistant import Assistant
from app.models.chat import Channel, Chat, ChatStatus, QueuedTurn
from app.models.ids import new_id
from app.models.message import Author, Inbound, Message, MessageStatus
from app.models.turn import Post, TurnResult
from app.services.handover import Handover
from app.services.repetitions import Repetitions, inbound_of
from app.services.settling import Together
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue


class Assistants(Protocol):
    def get_recent(self, assistant_id: str) -> Assistant | None: ...


class Chats(Protocol):
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
    ) -> Chat: ...
    def requeue(self, chat_id: str, turn: QueuedTurn) -> Chat | None: ...


class Messages(Protocol):
    def add_inbound(self, message: Message, inbound: Inbound) -> bool: ...
    def reopen(self, message_id: str, *, turn_id: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A message as it was stored; ``new`` False: it had just come before."""

    chat: Chat
    message: Message
    new: bool


class Intake:
    """Store each message once, and queue the turn that answers it.

    Once ``accept`` has returned, the end of the process does not lose the message.
    Every answer to its sender waits for a write that a power cut does not take away.
    """

    def __init__(
        self,
        *,
        process: str,
        assistants: Assistants,
        chats: Chats,
        messages: Messages,
        repetitions: Repetitions,
        handover: Handover,
        timeline: Timeline,
        queue: TurnQueue,
        together: Together,
        now: Callable[[], datetime],
    ) -> None:
        self._process = process
        self._assistants = assistants
        self._chats = chats
        self._messages = messages
        self._repetitions = repetitions
        self._handover = handover
        self._timeline = timeline
        self._queue = queue
        self._together = together
        self._now = now

    def accept(self, key: ApiKey, post: Post) -> Turn | TurnResult:
        """Store a message; a result already when there is nothing to answer.

        Raises Unauthorized for a key whose assistant has gone, TurnInProgress and
        IdempotencyMismatch for a repetition.
        """
        assistant = self._assistants.get_recent(key.assistant_id)
        if assistant is None:
            raise Unauthorized
        inbound = inbound_of(post, key_id=key.id)
        while True:
            if known := self._repetitions.find(inbound):
                return self._repeat(assistant, known, key)
            if taken := self._append(assistant, key, post, inbound):
                return taken

    def _append(
        self, assistant: Assistant, key: ApiKey, post: Post, inbound: Inbound
    ) -> Turn | TurnResult | None:
        """Queue and store a new message; None when it had just come before."""
        queued = self._queued(new_id(), key)
        try:
            stored = self._store(assistant, post, inbound, queued)
        except BaseException:
            self._queue.give_up_place(queued.id)
            raise
        chat, message = stored.chat, stored.message
        if not stored.new:
            self._queue.withdraw(chat.id, queued.id)
            return None
        self._timeline.announce(chat, message.id)
        if message.status is MessageStatus.PENDING:
            return Turn(queued=queued, assistant=assistant, chat=chat, message=message)
        self._queue.leave(chat.id, queued.id)
        return TurnResult(status=message.status, chat_id=chat.id, message_id=message.id)

    def _store(
        self, assistant: Assistant, post: Post, inbound: Inbound, queued: QueuedTurn
    ) -> _Stored:
        silent = post.active is False
        with self._together():
            chat = self._chats.enqueue(
                assistant_id=assistant.id,
                channel=post.channel,
                username=post.username,
                text=post.text,
                turn=queued,
                new_status=ChatStatus.INACTIVE if silent else ChatStatus.BOT,
                now=self._now(),
            )
            seq, switches = chat.last_seq, False
            if not silent:
                switches = self._handover.concerns(assistant, chat, post.text)
            if not switches:
                return self._add(chat, post, inbound, queued, seq)
        chat = self._handover.consider(assistant, chat, post.text)
        return self._add(chat, post, inbound, queued, seq)

    def _add(
        self, chat: Chat, post: Post, inbound: Inbound, queued: QueuedTurn, seq: int
    ) -> _Stored:
        unanswered = unanswered_status(chat, silent=post.active is False)
        message = Message(
            id=queued.message_id,
            chat_id=chat.id,
            assistant_id=chat.assistant_id,
            seq=seq,
            author=Author.CONTACT,
            text=post.text,
            status=unanswered or MessageStatus.PENDING,
            created_at=chat.updated_at,
            metadata=post.metadata,
            turn=queued.id,
            posted_by=queued.key_id,
        )
        new = self._messages.add_inbound(message, inbound)
        return _Stored(chat=chat, message=message, new=new)

    def _repeat(
        self, assistant: Assistant, message: Message, key: ApiKey
    ) -> Turn | TurnResult:
        """Replay the end of a message that came before, or run a failed one."""
        if message.status is MessageStatus.PENDING:
            raise TurnInProgress
        if message.status is not MessageStatus.FAILED:
            return self._repetitions.result(message)
        queued = self._queued(message.id, key)
        try:
            chat = self._chats.requeue(message.chat_id, queued)
            reopened = self._messages.reopen(message.id, turn_id=queued.id)
            if chat and reopened:
                chat = self._handover.consider(assistant, chat, message.text)
        except BaseException:
            self._queue.give_up_place(queued.id)
            raise
        if chat is None:
            self._queue.give_up_place(queued.id)
            raise ChatNotFound
        if not reopened:
            self._queue.leave(chat.id, queued.id)
            raise TurnInProgress
        if unanswered := unanswered_status(chat):
            try:
                self._timeline.end(chat, queued, unanswered)
                self._queue.leave(chat.id, queued.id)
            finally:
                self._queue.give_up_place(queued.id)
            return TurnResult(status=unanswered, chat_id=chat.id, message_id=message.id)
        return Turn(queued=queued, assistant=assistant, chat=chat, message=message)

    def _queued(self, message_id: str, key: ApiKey) -> QueuedTurn:
        queued = QueuedTurn(
            id=new_id(), message_id=message_id, process=self._process, key_id=key.id
        )
        self._queue.take_place(queued.id)
        return queued


def unanswered_status(chat: Chat, *, silent: bool = False) -> MessageStatus | None:
    """Return the state of a message that nobody answers by itself now.

    ``silent``: its sender wants it stored only.
    """
    if chat.status is ChatStatus.HUMAN:
        return MessageStatus.HUMAN
    if silent or not chat.active:
        return MessageStatus.INACTIVE
    return None
