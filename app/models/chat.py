from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.models.message import Citation, Message, Tokens


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
    delivered. ``deliver_to`` is the key whose outbox has to bring it to the
    contact, as no POST returns it.
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
    deliver_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedTurn:
    """A contact's message that waits for its turn, or has it.

    The first of a chat's queue has the turn; ``process`` is the server process
    that runs it, ``key_id`` the key that posted the message. ``outcome`` is what the
    turn came to, written before the answer is on the timeline, so that a crash in
    between can be repaired. A turn that another process took over names the one it
    was in ``resumed_from``; a ``revoked`` one can come to nothing any more.
    """

    id: str
    message_id: str
    process: str
    key_id: str
    outcome: TurnOutcome | None = None
    resumed_from: str | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrittenEntry:
    """An entry that has its place on the timeline but may not be there yet."""

    message: Message
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatState:
    """Who answers a chat, and what an inbox has to know of it.

    ``waiting_since``: a person is asked for and nobody has come. ``attended`` is the
    place of an attendant's latest entry while a person answers. ``unread`` counts
    the contact's messages since the latest answer or takeover.
    """

    status: ChatStatus
    assigned_to: str | None = None
    waiting_since: datetime | None = None
    attended: int | None = None
    unread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One conversation of one contact with one assistant on one channel.

    ``message`` and ``response`` are the latest exchange, ``tokens`` the totals.
    ``left_bot`` is the place of the latest entry after which the assistant was not
    to answer: what it began to say before that is not delivered any more.
    ``key_id`` is the key that posted last: its outbox brings messages to the contact.
    """

    id: str
    assistant_id: str
    channel: Channel
    username: str | None
    state: ChatState
    tokens: Tokens
    message: str | None
    response: str | None
    last_seq: int
    left_bot: int = 0
    queue: tuple[QueuedTurn, ...]
    unwritten: tuple[UnwrittenEntry, ...] = ()
    key_id: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def status(self) -> ChatStatus:
        return self.state.status

    @property
    def active(self) -> bool:
        return self.status is ChatStatus.BOT

    @property
    def assigned_to(self) -> str | None:
        return self.state.assigned_to

    @property
    def waiting_since(self) -> datetime | None:
        return self.state.waiting_since

    @property
    def unread(self) -> int:
        return self.state.unread


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFilter:
    """Which chats a list shows; None: whichever.

    ``start`` is the start of the contact's name or of the channel id.
    """

    message_service: str | None = None
    status: ChatStatus | None = None
    active: bool | None = None
    start: str | None = None
