from collections.abc import Mapping
from dataclasses import dataclass, field

from app.models.chat import Channel
from app.models.message import Citation, MessageStatus, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A contact's message as a bot posts it.

    ``active`` False: store it and do not answer. ``message_id`` is the channel's
    own id of the message, ``idempotency_key`` the sender's name for the request.
    """

    channel: Channel
    username: str | None
    active: bool | None
    text: str
    message_id: str | None
    idempotency_key: str | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """What became of a contact's message; ``response`` None: nothing to deliver.

    ``replayed``: the message had come before, and this is what it got then.
    """

    status: MessageStatus
    chat_id: str
    message_id: str
    response: str | None = None
    response_id: str | None = None
    tokens: Tokens = field(default_factory=Tokens)
    model: str | None = None
    citations: tuple[Citation, ...] = ()
    replayed: bool = False
