from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.models.message import Citation, Tokens


class ChatStatus(StrEnum):
    """Who answers: the assistant, a person, or nobody."""

    BOT = "bot"
    HUMAN = "human"
    INACTIVE = "inactive"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where a contact is reached: their ``id`` on a messaging service."""

    id: str
    message_service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOutcome:
    """An answer about to be put on the timeline.

    ``suppressed``: somebody had taken the chat over, so it is kept, not
    delivered.
    """

    answer_id: str
    seq: int
    text: str
    suppressed: bool
    model: str
    tokens: Tokens
    estimated: bool
    citations: tuple[Citation, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedTurn:
    """A contact's message that waits for its turn, or has it.

    The first of a chat's queue has the turn; ``process`` is the server process
    that runs it. ``outcome`` is what the turn came to, written before the answer
    is on the timeline, so that a crash in between can be repaired. A ``revoked``
    turn can come to nothing any more: its process was taken for dead.
    """

    id: str
    message_id: str
    process: str
    outcome: TurnOutcome | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation of one contact with one assistant on one channel.

    ``message`` and ``response`` are the latest exchange, ``tokens`` the totals.
    """

    id: str
    assistant_id: str
    channel: Channel
    username: str | None
    status: ChatStatus
    tokens: Tokens
    message: str | None
    response: str | None
    last_seq: int
    queue: tuple[QueuedTurn, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def active(self) -> bool:
        return self.status is ChatStatus.BOT


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFilter:
    """Which chats a list shows; None: whichever.

    ``start`` is the start of the contact's name or of the channel id.
    """

    message_service: str | None = None
    status: ChatStatus | None = None
    active: bool | None = None
    start: str | None = None
