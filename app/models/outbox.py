from dataclasses import dataclass
from datetime import datetime

from app.models.chat import Channel
from app.models.message import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """What a key was given and has not acknowledged, in the order it was given.

    ``version`` grows with every change.
    """

    version: int = 0
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message that a bot has to bring to a contact."""

    id: str
    chat_id: str
    channel: Channel
    author: Author
    text: str
    in_reply_to: str | None
    created_at: datetime
