"""The turn: a contact's message gets its answer."""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.errors import (
    AppError,
    ChatBusy,
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
from app.services.settling import Settling, is_overtaken
from app.services.timeline import INTERRUPTED, Timeline
from app.services.turn_queue import LOOK_AGAIN, Turn, TurnQueue

log = logging.getLogger(__name__)

# After these the store's own state says what became of the turn, and the recovery
# ends it accordingly; nothing may be written over that.
LEFT_TO_RECOVERY = (StoreUnavailable, StorageFull)


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...
    def reserve_seq(self, chat_id: str) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who waits for a turn: ``live`` to hear it piece by piece; may be ``gone``."""

    live: bool = False
    gone: Callable[[], bool] = lambda: False


NOBODY = Listener(gone=lambda: True)


class TurnService:
    """Answers accepted messages, one at a time per chat, in order."""

    def __init__(
        self,
        *,
        chats: Chats,
        queue: TurnQueue,
        timeline: Timeline,
        responder: Responder,
        settling: Settling,
        now: Callable[[], datetime],
    ) -> None:
        self._chats = chats
        self._queue = queue
        self._timeline = timeline
        self._responder = responder
        self._settling = settling
        self._now = now

    def answer(self, turn: Turn, listener: Listener) -> Iterator[Delta | TurnResult]:
        """Run a turn: deltas as they come to a live listener, then its result.

        Where the listener has gone by then, the answer goes to the outbox. Raises the
        Provider… errors and those of ``TurnQueue.wait``; their details name the chat
        and the message.
        """
        started = time.monotonic()
        try:
            chat = self._wait(turn)
            if unanswered := unanswered_status(chat):
                yield self._end(turn, unanswered)
            else:
                answer, completion = yield from self._run(turn, chat, listener)
                yield self._settle(turn, chat, answer, completion, listener)
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
        self._timeline.keep(turn.message.id)

    def finish(self, turn: Turn) -> None:
        """Run a turn that its caller has left behind; its end is on the timeline."""
        try:
            for _ in self.answer(turn, NOBODY):
                pass
        except AppError as exc:
            log.info("late turn failed", extra={"code": exc.code, **exc.details})
        except Exception:
            told = {"chat_id": turn.chat.id, "message_id": turn.message.id}
            log.exception("late turn broke", extra=told)

    def _wait(self, turn: Turn) -> Chat:
        try:
            return self._queue.wait(turn)
        except ChatBusy:  # the queue still looks after the turn
            self._timeline.keep(turn.message.id)
            raise
        except TurnInProgress:
            self._lose(turn)
            raise
        except BaseException:
            self._queue.give_up_place(turn.id)
            raise

    def _run(
        self, turn: Turn, chat: Chat, listener: Listener
    ) -> Generator[Delta, None, tuple[CitedAnswer, Completion]]:
        answer: CitedAnswer | None = None
        try:
            request = self._responder.request(turn.assistant, chat, turn.message)
            answer = CitedAnswer(
                request.question,
                request.passages,
                cite=turn.assistant.retrieval.citations,
            )
            deltas = self._responder.complete(request, answer)
            completion = yield from self._spoken(turn, deltas, live=listener.live)
        except LEFT_TO_RECOVERY:
            self._queue.give_up_place(turn.id)
            raise
        except AppError as exc:
            self._fail(turn, chat, exc.code, answer)
            raise
        except BaseException:
            self._fail(turn, chat, AppError.code, answer)
            raise
        return answer, completion

    def _spoken(
        self, turn: Turn, deltas: Generator[Delta, None, Completion], *, live: bool
    ) -> Generator[Delta, None, Completion]:
        """Pass deltas on until a person takes the chat over; the rest is kept.

        A takeover in this process is known at once, one elsewhere within 0.25 s.
        """
        looked = time.monotonic()
        while True:
            try:
                delta = next(deltas)
            except StopIteration as end:
                completion: Completion = end.value
                return completion
            if live and time.monotonic() - looked > LOOK_AGAIN:
                chat = self._chats.get(turn.chat.id)
                live = chat is not None and chat.active
                looked = time.monotonic()
            live = live and not self._queue.is_silenced(turn.id)
            if live:
                yield delta

    def _settle(
        self,
        turn: Turn,
        chat: Chat,
        answer: CitedAnswer,
        completion: Completion,
        listener: Listener,
    ) -> TurnResult:
        try:
            return self._settling.settle(
                turn, chat, answer, completion, late=listener.gone()
            )
        except TurnInProgress:
            self._lose(turn)
            raise
        finally:
            # Whatever went wrong here is the store's: its state says what has come of
            # the turn, and the recovery ends it accordingly.
            self._queue.give_up_place(turn.id)

    def _end(self, turn: Turn, status: MessageStatus) -> TurnResult:
        try:
            self._timeline.end(turn.chat, turn.queued, status)
            self._queue.leave(turn.chat.id, turn.id)
        finally:
            self._queue.give_up_place(turn.id)
        return _ended(turn, status)

    def _lose(self, turn: Turn) -> None:
        """End a turn that somebody who took us for dead took out of the queue.

        They ended its message too, unless it was stored only after that.
        """
        try:
            self._timeline.end(
                turn.chat, turn.queued, MessageStatus.FAILED, failure=INTERRUPTED
            )
        finally:
            self._queue.give_up_place(turn.id)

    def _fail(
        self, turn: Turn, chat: Chat, code: str, answer: CitedAnswer | None
    ) -> None:
        """End a turn as failed, keeping what had come of its answer."""
        try:
            if answer and answer.text:
                self._keep_part(turn, chat, answer)
            self._timeline.end(
                turn.chat, turn.queued, MessageStatus.FAILED, failure=code
            )
            self._queue.leave(turn.chat.id, turn.id)
        finally:
            self._queue.give_up_place(turn.id)

    def _keep_part(self, turn: Turn, chat: Chat, answer: CitedAnswer) -> None:
        seq = self._chats.reserve_seq(chat.id)
        current = self._chats.get(chat.id)
        if seq is None or current is None:
            return
        part = TurnOutcome(
            answer_id=new_id(),
            seq=seq,
            text=answer.text,
            suppressed=is_overtaken(chat, current),
            model=self._responder.model(turn.assistant),
            tokens=Tokens(tokens_out=estimate_tokens(answer.text)),
            estimated=True,
            citations=answer.citations,
            created_at=self._now(),
        )
        self._timeline.add_incomplete(turn.chat, turn.assistant, turn.message.id, part)


def _ended(turn: Turn, status: MessageStatus) -> TurnResult:
    return TurnResult(status=status, chat_id=turn.chat.id, message_id=turn.message.id)
