"""Deciding a turn: its answer is delivered, or kept because a person has the chat."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from app.errors import ChatNotFound, TurnInProgress
from app.models.chat import Chat, TurnOutcome
from app.models.ids import new_id
from app.models.message import Tokens
from app.models.turn import TurnResult
from app.services.citations import CitedAnswer
from app.services.llm.port import Completion
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue

Together = Callable[[], AbstractContextManager[bool]]


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...
    def settle(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> bool: ...
    def settle_and_dequeue(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> Chat | None: ...


class Settling:
    """Decides answers in the present state of their chats, and writes them down.

    ``together`` makes one transaction of the writes where the store has such, and
    says so; where it has none, the outcome is kept in the queue first, and whoever
    clears up finishes what a crash leaves between them.
    """

    def __init__(
        self,
        *,
        chats: Chats,
        queue: TurnQueue,
        timeline: Timeline,
        together: Together,
        now: Callable[[], datetime],
    ) -> None:
        self._chats = chats
        self._queue = queue
        self._timeline = timeline
        self._together = together
        self._now = now

    def settle(
        self,
        turn: Turn,
        chat: Chat,
        answer: CitedAnswer,
        completion: Completion,
        *,
        late: bool,
    ) -> TurnResult:
        """End a turn with its answer; a ``late`` one goes to the outbox.

        ``chat`` is as it was when the turn began. Raises TurnInProgress when another
        process took us for dead and has ended this turn, ChatNotFound when the chat
        is gone with its assistant.
        """
        answer_id = new_id()
        current: Chat | None = chat
        while current:
            suppressed = is_overtaken(chat, current)
            outcome = TurnOutcome(
                answer_id=answer_id,
                seq=current.last_seq + 1,
                text=answer.text,
                suppressed=suppressed,
                model=completion.model,
                tokens=Tokens(
                    tokens_in=completion.tokens_in, tokens_out=completion.tokens_out
                ),
                estimated=completion.estimated,
                citations=answer.citations,
                created_at=max(self._now(), current.updated_at),
                deliver_to=current.key_id if late and not suppressed else None,
            )
            if result := self._write(turn, current, outcome):
                return result
            current = self._chats.get(chat.id)
            if current and (not current.queue or current.queue[0].id != turn.id):
                raise TurnInProgress
        raise ChatNotFound

    def _write(
        self, turn: Turn, current: Chat, outcome: TurnOutcome
    ) -> TurnResult | None:
        """Write an outcome, all of it; None when the chat has changed."""
        question = turn.message.text
        with self._together() as one_transaction:
            if one_transaction:
                behind = self._chats.settle_and_dequeue(
                    current, turn.id, outcome, question=question
                )
                settled = behind is not None
            else:
                settled = self._chats.settle(
                    current, turn.id, outcome, question=question
                )
            if not settled:
                return None
            ended = self._timeline.add_settled(
                turn.chat, turn.assistant, turn.queued, outcome
            )
            if not one_transaction:
                behind = self._queue.dequeue(turn.chat.id, turn.id)
        self._queue.let_in_after(turn.id, behind)
        self._timeline.announce(turn.chat, turn.message.id, outcome.answer_id)
        if outcome.suppressed:
            return TurnResult(
                status=ended, chat_id=turn.chat.id, message_id=turn.message.id
            )
        return TurnResult(
            status=ended,
            chat_id=turn.chat.id,
            message_id=turn.message.id,
            response=outcome.text,
            response_id=outcome.answer_id,
            tokens=outcome.tokens,
            model=outcome.model,
            citations=outcome.citations,
        )


def is_overtaken(begun: Chat, current: Chat) -> bool:
    """Say whether a person came between an answer and its delivery.

    Also one who has given the chat back meanwhile: the answer does not know what
    they said.
    """
    return not current.active or current.left_bot > begun.last_seq
