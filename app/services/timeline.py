from typing import Protocol

from app.models.assistant import Assistant
from app.models.chat import Chat, QueuedTurn, TurnOutcome
from app.models.event import ChatEvent
from app.models.message import Author, Message, MessageStatus
from app.models.usage import UsageEntry

INTERRUPTED = "interrupted"
"""The failure of a message whose turn was cut short, and run again in vain."""


class Messages(Protocol):
    def keep(self, message_id: str) -> None: ...
    def add(self, message: Message) -> None: ...
    def add_answer(
        self, answer: Message, *, turn_id: str, status: MessageStatus
    ) -> None: ...
    def end_turn(
        self,
        message_id: str,
        turn_id: str,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> bool: ...


class Usage(Protocol):
    def add(self, entry: UsageEntry) -> None: ...


class Events(Protocol):
    def publish(self, event: ChatEvent) -> None: ...


class Timeline:
    """Writes down how turns end: on the timeline and in the ledger.

    Each step may be repeated after a crash without doing anything twice. Who
    watches the chat is told.
    """

    def __init__(self, *, messages: Messages, usage: Usage, events: Events) -> None:
        self._messages = messages
        self._usage = usage
        self._events = events

    def announce(self, chat: Chat, *message_ids: str) -> None:
        """Tell who watches the chat of new or changed messages."""
        self._events.publish(
            ChatEvent(
                assistant_id=chat.assistant_id,
                chat_id=chat.id,
                message_ids=message_ids,
            )
        )

    def keep(self, message_id: str) -> None:
        """Return when not even a power cut takes this message away."""
        self._messages.keep(message_id)

    def end(
        self,
        chat: Chat,
        turn: QueuedTurn,
        status: MessageStatus,
        *,
        failure: str | None = None,
    ) -> None:
        """End a pending message without an answer, if it waits for this turn."""
        if self._messages.end_turn(turn.message_id, turn.id, status, failure=failure):
            self.announce(chat, turn.message_id)

    def add_settled(
        self, chat: Chat, assistant: Assistant, turn: QueuedTurn, outcome: TurnOutcome
    ) -> MessageStatus:
        """Write a settled answer; returns what became of its question.

        Who calls it announces it, when all is written.
        """
        kept = outcome.suppressed
        ended = MessageStatus.SUPPRESSED if kept else MessageStatus.ANSWERED
        answer = _answer(chat, turn.message_id, outcome, MessageStatus.SENT)
        self._messages.add_answer(answer, turn_id=turn.id, status=ended)
        self._usage.add(_entry(chat, assistant, outcome, turns=1))
        return ended

    def add_incomplete(
        self, chat: Chat, assistant: Assistant, message_id: str, outcome: TurnOutcome
    ) -> None:
        """Write the part of an answer that came before it was cut off."""
        answer = _answer(chat, message_id, outcome, MessageStatus.INCOMPLETE)
        self._messages.add(answer)
        self._usage.add(_entry(chat, assistant, outcome, turns=0))
        self.announce(chat, answer.id)


def _answer(
    chat: Chat, message_id: str, outcome: TurnOutcome, status: MessageStatus
) -> Message:
    if outcome.suppressed:
        status = MessageStatus.SUPPRESSED
    return Message(
        id=outcome.answer_id,
        chat_id=chat.id,
        assistant_id=chat.assistant_id,
        seq=outcome.seq,
        author=Author.ASSISTANT,
        text=outcome.text,
        status=status,
        created_at=outcome.created_at,
        tokens=outcome.tokens,
        model=outcome.model,
        citations=outcome.citations,
        in_reply_to=message_id,
        deliver_to=outcome.deliver_to,
    )


def _entry(
    chat: Chat, assistant: Assistant, outcome: TurnOutcome, *, turns: int
) -> UsageEntry:
    return UsageEntry(
        id=outcome.answer_id,
        assistant_id=chat.assistant_id,
        owner_id=assistant.owner_id,
        chat_id=chat.id,
        day=outcome.created_at.date().isoformat(),
        turns=turns,
        model=outcome.model,
        tokens_in=outcome.tokens.tokens_in,
        tokens_out=outcome.tokens.tokens_out,
        estimated=outcome.estimated,
        created_at=outcome.created_at,
    )
