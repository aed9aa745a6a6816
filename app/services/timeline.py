from typing import Protocol

from app.models.assistant import Assistant
from app.models.chat import Chat, QueuedTurn, TurnOutcome
from app.models.message import Author, Message, MessageStatus
from app.models.usage import UsageEntry


class Messages(Protocol):
    def add(self, message: Message) -> None: ...
    def add_answer(
        self, answer: Message, *, turn_id: str, status: MessageStatus
    ) -> None: ...


class Usage(Protocol):
    def add(self, entry: UsageEntry) -> None: ...


class Timeline:
    """Writes answers down: on the timeline and in the ledger.

    Each step may be repeated after a crash without doing anything twice.
    """

    def __init__(self, *, messages: Messages, usage: Usage) -> None:
        self._messages = messages
        self._usage = usage

    def add_settled(
        self, chat: Chat, assistant: Assistant, turn: QueuedTurn, outcome: TurnOutcome
    ) -> MessageStatus:
        """Write a settled answer; returns what became of its question."""
        kept = outcome.suppressed
        ended = MessageStatus.SUPPRESSED if kept else MessageStatus.ANSWERED
        answer = _answer(
            chat,
            turn.message_id,
            outcome,
            MessageStatus.SUPPRESSED if kept else MessageStatus.SENT,
        )
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


def _answer(
    chat: Chat, message_id: str, outcome: TurnOutcome, status: MessageStatus
) -> Message:
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
