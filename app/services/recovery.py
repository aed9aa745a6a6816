import logging
from typing import Protocol

from app.models.assistant import Assistant
from app.models.chat import Chat, QueuedTurn
from app.models.message import MessageStatus
from app.services.presence import Presence
from app.services.timeline import Timeline
from app.services.turn_queue import TurnQueue

log = logging.getLogger(__name__)

FAILURE = "interrupted"


class Chats(Protocol):
    def revoke(self, chat_id: str, turn_id: str) -> Chat | None: ...
    def find_by_process(self, process: str) -> list[Chat]: ...


class Messages(Protocol):
    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool: ...


class Assistants(Protocol):
    def get(self, assistant_id: str) -> Assistant | None: ...


class Recovery:
    """Ends the turns that nobody looks after any more.

    An answer that was settled is written down; a turn without one fails, and the
    same ``Idempotency-Key`` or ``message_id`` runs it again.
    """

    def __init__(
        self,
        *,
        chats: Chats,
        messages: Messages,
        assistants: Assistants,
        timeline: Timeline,
        queue: TurnQueue,
        presence: Presence,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._assistants = assistants
        self._timeline = timeline
        self._queue = queue
        self._presence = presence

    def clear_up(self) -> None:
        """Do it for dead processes, and for what went wrong in this one."""
        for process in self._presence.find_dead():
            log.warning("clearing up after a process", extra={"server": process})
            self._end_turns_of(process)
            self._presence.forget(process)
        self._end_turns_of(self._presence.process)

    def _end_turns_of(self, process: str) -> None:
        for chat in self._chats.find_by_process(process):
            for queued in chat.queue:
                if queued.process == process and not self._queue.looks_after(queued.id):
                    self._end(chat.id, queued.id)

    def _end(self, chat_id: str, turn_id: str) -> None:
        chat = self._chats.revoke(chat_id, turn_id)
        for queued in chat.queue if chat else ():
            if chat and queued.id == turn_id:
                self._write(chat, queued)

    def _write(self, chat: Chat, queued: QueuedTurn) -> None:
        assistant = self._assistants.get(chat.assistant_id)
        if queued.outcome and assistant:
            self._timeline.add_settled(chat, assistant, queued, queued.outcome)
        else:
            self._messages.end_turn(
                queued.message_id, queued.id, MessageStatus.FAILED, failure=FAILURE
            )
        self._queue.leave(chat.id, queued.id)
        log.info("turn cleared up", extra={"chat_id": chat.id, "turn_id": queued.id})
