from typing import Annotated

from pydantic import Field, StrictBool, StringConstraints

from app.models.chat import ChatStatus
from app.models.message import Author, MessageStatus
from app.routes.schemas.common import FilledText, Input, Instant, Output, Paging, Text

MetadataKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")
]
MetadataValue = Annotated[Text, Field(max_length=1000)]


class Post(Input):
    """A contact's message as a bot posts it."""

    id: FilledText = Field(max_length=128)
    message_service: FilledText = Field(max_length=64)
    username: Text | None = Field(None, max_length=200)
    active: StrictBool | None = None
    message: FilledText = Field(max_length=32_000)
    message_id: FilledText | None = Field(None, max_length=256)
    metadata: dict[MetadataKey, MetadataValue] = Field({}, max_length=20)


class TokensRead(Output):
    tokens_in: int = Field(alias="in")
    tokens_out: int = Field(alias="out")


class CitationRead(Output):
    document_id: str
    filename: str
    page: int | None
    heading: str | None
    quote: str


class TurnRead(Output):
    """What became of the message; ``response`` null: nothing to deliver."""

    response: str | None
    status: MessageStatus
    chat_id: str
    message_id: str
    response_id: str | None
    tokens: TokensRead
    cost: float | None = None
    model: str | None
    citations: list[CitationRead]


class ChannelRead(Output):
    id: str
    message_service: str


class ChatRead(Output):
    id: str = Field(alias="_id")
    channel: ChannelRead
    username: str | None
    assistant_id: str
    active: bool
    status: ChatStatus
    assigned_to: str | None
    waiting_since: Instant | None
    unread: int
    tokens: TokensRead
    message: str | None
    response: str | None
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class MessageRead(Output):
    id: str = Field(alias="_id")
    chat_id: str
    seq: int
    author: Author
    text: str
    status: MessageStatus
    tokens: TokensRead | None
    model: str | None
    citations: list[CitationRead]
    metadata: dict[str, str]
    created_at: Instant = Field(alias="createdAt")


class ExchangeRead(MessageRead):
    """One entry; ``response_id`` names the answer to a contact's message."""

    in_reply_to: str | None
    response_id: str | None


class MessageCreated(MessageRead):
    object_id: str = Field(alias="id")


class Reason(Input):
    reason: Text | None = Field(None, max_length=1000)


class Assignment(Input):
    """``user_id`` null: whoever takes over next."""

    user_id: Annotated[Text, Field(max_length=64)] | None


class Written(Input):
    """A ``note`` is for the console alone."""

    text: FilledText = Field(max_length=32_000)
    note: StrictBool = False


class DeliveryRead(Output):
    """A message that the bot has to bring to its contact."""

    id: str = Field(alias="_id")
    chat_id: str
    channel: ChannelRead
    author: Author
    text: str
    in_reply_to: str | None
    created_at: Instant = Field(alias="createdAt")


class OutboxQuery(Input):
    after: Text | None = Field(None, max_length=64)
    wait: float = Field(0, ge=0, le=25, allow_inf_nan=False)


class ChatQuery(Paging):
    assistant_id: Text | None = Field(None, max_length=64)
    message_service: Text | None = Field(None, max_length=64)
    status: ChatStatus | None = None
    q: Text | None = Field(None, max_length=200)


class TimelineQuery(Input):
    limit: int = Field(1000, ge=1, le=1000)
    after_seq: int | None = Field(None, ge=0, le=2**53)
    before_seq: int | None = Field(None, ge=0, le=2**53)
