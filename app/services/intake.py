"""Taking a contact's message in: once, durably, in its place."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from app.errors import ChatNotFound, TurnInProgress, Unauthorized
from app.models.api_key import ApiKey
from app.models.assistant import Assistant
from app.models.chat import Channel, Chat, ChatStatus, QueuedTurn
from app.models.ids import new_id
from app.models.message import Author, Inbound, Message, MessageStatus
from app.models.turn import Post, TurnResult
from app.services.repetitions import Repetitions, inbound_of
from app.services.turn_queue import Turn, TurnQueue


class Assistants(Protocol):
    def get(self, assistant_id: str) -> Assistant | None: ...


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
    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool: ...
    def reopen(self, message_id: str, *, turn_id: str) -> bool: ...


class Intake:
    """Store each message once, and queue the turn that answers it.

    Once ``accept`` has returned, the message is never lost.
    """

    def __init__(
        self,
        *,
        process: str,
        assistants: Assistants,
        chats: Chats,
        messages: Messages,
        repetitions: Repetitions,
        queue: TurnQueue,
        now: Callable[[], datetime],
    ) -> None:
        self._process = process
        self._assistants = assistants
        self._chats = chats
        self._messages = messages
        self._repetitions = repetitions
        self._queue = queue
        self._now = now

    def accept(self, key: ApiKey, post: Post) -> Turn | TurnResult:
        """Store a message; a result already when there is nothing to answer.

        Raises Unauthorized for a key whose assistant has gone, TurnInProgress and
        IdempotencyMismatch for a repetition.
        """
        assistant = self._assistants.get(key.assistant_id)
        if assistant is None:
            raise Unauthorized
        inbound = inbound_of(post, key_id=key.id)
        while True:
            if known := self._repetitions.find(inbound):
                return self._repeat(assistant, known)
            if taken := self._append(assistant, post, inbound):
                return taken

    def _append(
        self, assistant: Assistant, post: Post, inbound: Inbound
    ) -> Turn | TurnResult | None:
        """Queue and store a new message; None when it had just come before."""
        now, silent = self._now(), post.active is False
        queued = self._queued(new_id())
        try:
            chat = self._chats.enqueue(
                assistant_id=assistant.id,
                channel=post.channel,
                username=post.username,
                text=post.text,
                turn=queued,
                new_status=ChatStatus.INACTIVE if silent else ChatStatus.BOT,
                now=now,
            )
            unanswered = unanswered_status(chat, silent=silent)
            message = Message(
                id=queued.message_id,
                chat_id=chat.id,
                assistant_id=assistant.id,
                seq=chat.last_seq,
                author=Author.CONTACT,
                text=post.text,
                status=unanswered or MessageStatus.PENDING,
                created_at=now,
                metadata=post.metadata,
                turn=queued.id,
            )
            added = self._messages.add_inbound(message, inbound)
        except BaseException:
            self._queue.give_up_place(queued.id)
            raise
        if not added:
            self._queue.leave(chat.id, queued.id)
            return None
        if unanswered is None:
            return Turn(queued=queued, assistant=assistant, chat=chat, message=message)
        self._queue.leave(chat.id, queued.id)
        return TurnResult(status=unanswered, chat_id=chat.id, message_id=message.id)

    def _repeat(self, assistant: Assistant, message: Message) -> Turn | TurnResult:
        """Replay the end of a message that came before, or run a failed one."""
        if message.status is MessageStatus.PENDING:
            raise TurnInProgress
        if message.status is not MessageStatus.FAILED:
            return self._repetitions.result(message)
        queued = self._queued(message.id)
        try:
            chat = self._chats.requeue(message.chat_id, queued)
            reopened = self._messages.reopen(message.id, turn_id=queued.id)
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
                self._messages.end_turn(message.id, queued.id, unanswered)
                self._queue.leave(chat.id, queued.id)
            finally:
                self._queue.give_up_place(queued.id)
            return TurnResult(status=unanswered, chat_id=chat.id, message_id=message.id)
        return Turn(queued=queued, assistant=assistant, chat=chat, message=message)

    def _queued(self, message_id: str) -> QueuedTurn:
        queued = QueuedTurn(id=new_id(), message_id=message_id, process=self._process)
        self._queue.take_place(queued.id)
        return queued


def unanswered_status(chat: Chat, *, silent: bool = False) -> MessageStatus | None:
    """Return the state of a message that nobody answers by itself now.

    ``silent``: its sender wants it stored only.
    """
    if chat.status is ChatStatus.HUMAN:
        return MessageStatus.HUMAN
    if silent or chat.status is ChatStatus.INACTIVE:
        return MessageStatus.INACTIVE
    return None
