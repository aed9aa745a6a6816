from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Author(StrEnum):
    CONTACT = "contact"
    ASSISTANT = "assistant"
    ATTENDANT = "attendant"
    TOOL = "tool"
    SYSTEM = "system"


class MessageStatus(StrEnum):
    """The state of a contact's message is its turn's; the rest are answers'.

    A ``note`` is for the people at the console alone.
    """

    PENDING = "pending"
    ANSWERED = "answered"
    HUMAN = "human"
    INACTIVE = "inactive"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    SENT = "sent"
    INCOMPLETE = "incomplete"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a statement of an answer stands: the quote is verbatim."""

    document_id: str
    filename: str
    page: int | None
    heading: str | None
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of a chat's single timeline, ordered by ``seq``.

    ``in_reply_to`` is the contact's message that an answer belongs to, ``turn``
    the queued turn that a contact's message waits for, and ``failure`` the code
    of the error that ended a failed one. ``posted_by`` is the key that a contact's
    message came with, ``deliver_to`` the one whose outbox holds an answer.
    """

    id: str
    chat_id: str
    assistant_id: str
    seq: int
    author: Author
    text: str
    status: MessageStatus
    created_at: datetime
    tokens: Tokens | None = None
    model: str | None = None
    citations: tuple[Citation, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    in_reply_to: str | None = None
    turn: str | None = None
    failure: str | None = None
    posted_by: str | None = None
    deliver_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """How a sender names a message, so that its repetition is recognised.

    ``idempotency_key`` and ``channel_message`` are digests that hold the API key
    (and, for the channel's own message id, the channel); ``fingerprint`` is a
    digest of the whole body.
    """

    idempotency_key: str | None
    channel_message: str | None
    fingerprint: str
