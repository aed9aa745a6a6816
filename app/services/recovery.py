import logging
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.errors import StoreUnavailable
from app.models.assistant import Assistant
from app.models.chat import Chat, QueuedTurn
from app.models.ids import new_id
from app.models.message import Message, MessageStatus
from app.services.entries import Entries
from app.services.presence import Presence
from app.services.timeline import INTERRUPTED, Timeline
from app.services.turn_queue import Turn, TurnQueue

log = logging.getLogger(__name__)

MOST_UNAVAILABLE = 3
"""Chats at which the store may fail before a round ends: it may be away."""


class Chats(Protocol):
    def resume(self, chat_id: str, old: QueuedTurn, new: QueuedTurn) -> Chat | None: ...
    def revoke(self, chat_id: str, turn_id: str) -> Chat | None: ...
    def find_by_process(self, process: str) -> list[Chat]: ...


class Messages(Protocol):
    def get(self, message_id: str) -> Message | None: ...
    def resume(self, message_id: str, *, turn_id: str, resumed_from: str) -> bool: ...
    def put_in_outbox(
        self, message_id: str, key_id: str, *, created_at: datetime, seq: int
    ) -> None: ...


class Assistants(Protocol):
    def get(self, assistant_id: str) -> Assistant | None: ...


class Recovery:
    """Brings to an end what nobody looks after any more.

    An answer that was settled is written down. A turn without one is run once more,
    here; if that is cut short too it fails, and the same ``Idempotency-Key`` or
    ``message_id`` runs it again. As no POST returns these answers, the outbox does.
    """

    def __init__(
        self,
        *,
        chats: Chats,
        messages: Messages,
        assistants: Assistants,
        timeline: Timeline,
        entries: Entries,
        queue: TurnQueue,
        presence: Presence,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._assistants = assistants
        self._timeline = timeline
        self._entries = entries
        self._queue = queue
        self._presence = presence

    def clear_up(self) -> None:
        """Do it for dead processes, and for what went wrong in this one.

        What fails in one chat is left to the next round, and raised at the end.
        """
        failures: list[Exception] = []
        for process in self._presence.find_dead():
            log.warning("clearing up after a process", extra={"server": process})
            left = self._clear_up_after(process)
            if not left:
                self._presence.forget(process)
            failures += left
        failures += self._clear_up_after(self._presence.process)
        if failures:
            raise failures[-1]

    def _clear_up_after(self, process: str) -> list[Exception]:
        """Return what failed; raise it where the store seems to be away."""
        self._entries.finish(process)
        failures: list[Exception] = []
        for chat in self._chats.find_by_process(process):
            try:
                self._clear_up_in(chat, process)
            except Exception as exc:
                about = {"chat_id": chat.id}
                log.warning("not cleared up", extra=about, exc_info=True)
                failures.append(exc)
                away = [one for one in failures if isinstance(one, StoreUnavailable)]
                if len(away) == MOST_UNAVAILABLE:
                    raise
        return failures

    def _clear_up_in(self, chat: Chat, process: str) -> None:
        for queued in chat.queue:
            if queued.process == process and not self._queue.looks_after(queued.id):
                self._take_up(chat, queued)

    def _take_up(self, chat: Chat, queued: QueuedTurn) -> None:
        fresh = not (queued.outcome or queued.resumed_from or queued.revoked)
        assistant = self._assistants.get(chat.assistant_id)
        message = self._messages.get(queued.message_id)
        pending = message is not None and message.status is MessageStatus.PENDING
        if not (
            fresh
            and pending
            and assistant
            and message
            and self._resume(chat, queued, assistant, message)
        ):
            self._end(chat, queued, assistant)

    def _resume(
        self, chat: Chat, queued: QueuedTurn, assistant: Assistant, message: Message
    ) -> bool:
        """Run a turn once more, under a new id that its first run does not know.

        False when it has come to something else meanwhile.
        """
        again = replace(
            queued,
            id=new_id(),
            process=self._presence.process,
            resumed_from=queued.id,
        )
        self._queue.take_place(again.id)
        try:
            current = self._chats.resume(chat.id, queued, again)
            if current is None:
                self._queue.give_up_place(again.id)
                return False
            if not self._messages.resume(
                message.id, turn_id=again.id, resumed_from=queued.id
            ):
                self._queue.leave(chat.id, again.id)
                return True
        except BaseException:
            self._queue.give_up_place(again.id)
            raise
        log.info("turn resumed", extra={"chat_id": chat.id, "turn_id": again.id})
        self._queue.run_when_reached(
            Turn(queued=again, assistant=assistant, chat=current, message=message)
        )
        return True

    def _end(self, chat: Chat, queued: QueuedTurn, assistant: Assistant | None) -> None:
        current = self._chats.revoke(chat.id, queued.id)
        for turn in current.queue if current else ():
            if current and turn.id == queued.id:
                self._write(current, turn, assistant)

    def _write(
        self, chat: Chat, queued: QueuedTurn, assistant: Assistant | None
    ) -> None:
        if queued.outcome and assistant:
            to_deliver = None if queued.outcome.suppressed else chat.key_id
            outcome = replace(queued.outcome, deliver_to=to_deliver)
            if to_deliver and queued.outcome.deliver_to is None:
                # It may be on the timeline already, for a caller who did not get it.
                self._messages.put_in_outbox(
                    outcome.answer_id,
                    to_deliver,
                    created_at=outcome.created_at,
                    seq=outcome.seq,
                )
            self._timeline.add_settled(chat, assistant, queued, outcome)
            self._timeline.announce(chat, queued.message_id, outcome.answer_id)
        else:
            if queued.resumed_from:  # its message may still wait for the first run
                self._messages.resume(
                    queued.message_id,
                    turn_id=queued.id,
                    resumed_from=queued.resumed_from,
                )
            self._timeline.end(chat, queued, MessageStatus.FAILED, failure=INTERRUPTED)
        self._queue.leave(chat.id, queued.id)
        log.info("turn cleared up", extra={"chat_id": chat.id, "turn_id": queued.id})
