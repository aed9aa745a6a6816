"""The turn: a contact's message gets its answer."""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Protocol

from app.errors import (
    AppError,
    ChatBusy,
    ChatNotFound,
    StorageFull,
    StoreUnavailable,
    TurnInProgress,
)
from app.models.chat import Chat, TurnOutcome
from app.models.ids import new_id
from app.models.message import MessageStatus, Tokens
from app.models.turn import TurnResult
from app.services.citations import CitedAnswer
from app.services.intake import unanswered_status
from app.services.llm.port import Completion, Delta
from app.services.llm.tokens import estimate_tokens
from app.services.responding import Responder
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue

log = logging.getLogger(__name__)

# After these the store's own state says what became of the turn, and the recovery
# ends it accordingly; nothing may be written over that.
LEFT_TO_RECOVERY = (StoreUnavailable, StorageFull, ChatNotFound)
INTERRUPTED = "interrupted"


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...
    def settle(
        self, chat: Chat, turn_id: str, outcome: TurnOutcome, *, question: str
    ) -> bool: ...
    def reserve_seq(self, chat_id: str) -> int | None: ...


class Messages(Protocol):
    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool: ...


class TurnService:
    """Answers accepted messages, one at a time per chat, in order."""

    def __init__(
        self,
        *,
        chats: Chats,
        messages: Messages,
        queue: TurnQueue,
        timeline: Timeline,
        responder: Responder,
        now: Callable[[], datetime],
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._queue = queue
        self._timeline = timeline
        self._responder = responder
        self._now = now

    def answer(self, turn: Turn) -> Iterator[Delta | TurnResult]:
        """Run a turn: deltas as they come, then its result.

        Raises the Provider… errors and those of ``TurnQueue.wait``; their details
        name the chat and the message.
        """
        started = time.monotonic()
        try:
            chat = self._wait(turn)
            if unanswered := unanswered_status(chat):
                yield self._end(turn, unanswered)
            else:
                outcome = yield from self._run(turn, chat)
                yield self._write(turn, outcome)
        except AppError as exc:
            exc.details |= {"chat_id": turn.chat.id, "message_id": turn.message.id}
            raise
        finally:
            log.info(
                "turn ran",
                extra={
                    "chat_id": turn.chat.id,
                    "message_id": turn.message.id,
                    "seconds": round(time.monotonic() - started, 3),
                },
            )

    def abandon(self, turn: Turn) -> None:
        """Leave a turn that cannot be run here to the recovery."""
        self._queue.give_up_place(turn.id)

    def finish(self, turn: Turn) -> None:
        """Run a turn that its caller has left behind; its end is on the timeline."""
        try:
            for _ in self.answer(turn):
                pass
        except AppError as exc:
            log.info("late turn failed", extra={"code": exc.code, **exc.details})

    def _wait(self, turn: Turn) -> Chat:
        try:
            return self._queue.wait(turn)
        except ChatBusy:
            raise  # the queue still looks after the turn
        except TurnInProgress:
            self._lose(turn)
            raise
        except BaseException:
            self._queue.give_up_place(turn.id)
            raise

    def _run(self, turn: Turn, chat: Chat) -> Generator[Delta, None, TurnOutcome]:
        answer: CitedAnswer | None = None
        try:
            request = self._responder.request(turn.assistant, chat, turn.message)
            answer = CitedAnswer(
                request.question,
                request.passages,
                cite=turn.assistant.retrieval.citations,
            )
            completion = yield from self._responder.complete(request, answer)
            return self._settle(turn, chat, answer, completion)
        except TurnInProgress:
            self._lose(turn)
            raise
        except LEFT_TO_RECOVERY:
            self._queue.give_up_place(turn.id)
            raise
        except AppError as exc:
            self._fail(turn, exc.code, answer)
            raise
        except BaseException:
            self._fail(turn, AppError.code, answer)
            raise

    def _settle(
        self, turn: Turn, chat: Chat, answer: CitedAnswer, completion: Completion
    ) -> TurnOutcome:
        """Decide the answer in the chat's present state.

        Raises TurnInProgress when another process took us for dead and has ended
        this turn, ChatNotFound when the chat is gone with its assistant.
        """
        answer_id = new_id()
        current: Chat | None = chat
        while current:
            outcome = TurnOutcome(
                answer_id=answer_id,
                seq=current.last_seq + 1,
                text=answer.text,
                suppressed=not current.active,
                model=completion.model,
                tokens=Tokens(
                    tokens_in=completion.tokens_in, tokens_out=completion.tokens_out
                ),
                estimated=completion.estimated,
                citations=answer.citations,
                created_at=self._now(),
            )
            question = turn.message.text
            if self._chats.settle(current, turn.id, outcome, question=question):
                return outcome
            current = self._chats.get(chat.id)
            if current and (not current.queue or current.queue[0].id != turn.id):
                raise TurnInProgress
        raise ChatNotFound

    def _write(self, turn: Turn, outcome: TurnOutcome) -> TurnResult:
        try:
            ended = self._timeline.add_settled(
                turn.chat, turn.assistant, turn.queued, outcome
            )
            self._queue.leave(turn.chat.id, turn.id)
        finally:
            self._queue.give_up_place(turn.id)
        if outcome.suppressed:
            return _ended(turn, ended)
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

    def _end(self, turn: Turn, status: MessageStatus) -> TurnResult:
        try:
            self._messages.end_turn(turn.message.id, turn.id, status)
            self._queue.leave(turn.chat.id, turn.id)
        finally:
            self._queue.give_up_place(turn.id)
        return _ended(turn, status)

    def _lose(self, turn: Turn) -> None:
        """End a turn that somebody who took us for dead took out of the queue.

        They ended its message too, unless it was stored only after that.
        """
        try:
            self._messages.end_turn(
                turn.message.id, turn.id, MessageStatus.FAILED, failure=INTERRUPTED
            )
        finally:
            self._queue.give_up_place(turn.id)

    def _fail(self, turn: Turn, code: str, answer: CitedAnswer | None) -> None:
        """End a turn as failed, keeping what had come of its answer."""
        try:
            if answer and answer.text:
                self._keep_part(turn, answer)
            self._messages.end_turn(
                turn.message.id, turn.id, MessageStatus.FAILED, failure=code
            )
            self._queue.leave(turn.chat.id, turn.id)
        finally:
            self._queue.give_up_place(turn.id)

    def _keep_part(self, turn: Turn, answer: CitedAnswer) -> None:
        seq = self._chats.reserve_seq(turn.chat.id)
        if seq is None:
            return
        part = TurnOutcome(
            answer_id=new_id(),
            seq=seq,
            text=answer.text,
            suppressed=False,
            model=self._responder.model(turn.assistant),
            tokens=Tokens(tokens_out=estimate_tokens(answer.text)),
            estimated=True,
            citations=answer.citations,
            created_at=self._now(),
        )
        self._timeline.add_incomplete(turn.chat, turn.assistant, turn.message.id, part)


def _ended(turn: Turn, status: MessageStatus) -> TurnResult:
    return TurnResult(status=status, chat_id=turn.chat.id, message_id=turn.message.id)
