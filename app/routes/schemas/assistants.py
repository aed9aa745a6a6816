from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.models.assistant import AssistantRole
from app.routes.schemas.common import FilledText, Input, Instant, Output, Text

Name = Annotated[FilledText, Field(min_length=1, max_length=120)]
Company = Annotated[Text, Field(max_length=200)]
Instructions = Annotated[Text, Field(max_length=100_000)]
ModelName = Annotated[FilledText, Field(min_length=1, max_length=200)]
Temperature = Annotated[float, Field(ge=0, le=2, strict=True)]
MaxTokens = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Passages = Annotated[StrictInt, Field(ge=0, le=50)]
MinScore = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
HistoryMessages = Annotated[StrictInt, Field(ge=0, le=200)]
MEMBER_ROLES = {
    role.name.lower(): role
    for role in (AssistantRole.EDITOR, AssistantRole.ATTENDANT, AssistantRole.VIEWER)
}


def _member_role(value: Any) -> AssistantRole:
    if isinstance(value, AssistantRole):
        return value
    if not isinstance(value, str) or value not in MEMBER_ROLES:
        expected = ", ".join(MEMBER_ROLES)
        raise PydanticCustomError(
            "enum", "must be one of {expected}", {"expected": expected}
        )
    return MEMBER_ROLES[value]


MemberRole = Annotated[
    AssistantRole,
    BeforeValidator(_member_role),
    PlainSerializer(lambda role: role.name.lower(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "enum": list(MEMBER_ROLES)}),
]
Keyword = Annotated[FilledText, Field(max_length=100)]
Keywords = Annotated[tuple[Keyword, ...], Field(max_length=20)]
ReturnAfter = Annotated[StrictInt, Field(ge=1, le=7 * 24 * 60)]


class RetrievalWrite(Input):
    enabled: StrictBool = True
    passages: Passages = 6
    min_score: MinScore | None = None
    citations: StrictBool = True


class HistoryWrite(Input):
    messages: HistoryMessages = 20


class MemberWrite(Input):
    user_id: Text = Field(max_length=64)
    role: MemberRole


Members = Annotated[tuple[MemberWrite, ...], Field(max_length=200)]


class TakeoverWrite(Input):
    return_after_minutes: ReturnAfter | None = None
    contact_keywords: Keywords = ()
    release_keywords: Keywords = ()


class AssistantSettings(Input):
    """What makes an assistant answer as it does, wherever it is."""

    name: Name
    company: Company | None = None
    instructions: Instructions = ""
    model: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    retrieval: RetrievalWrite = RetrievalWrite()
    history: HistoryWrite = HistoryWrite()
    takeover: TakeoverWrite = TakeoverWrite()


class AssistantCreate(AssistantSettings):
    owner_id: Text | None = Field(None, max_length=64)
    members: Members = ()


class AssistantUpdate(Input):
    """Any subset; the read-only fields may come back as they were given."""

    name: Name | None = None
    company: Company | None = None
    owner_id: Text | None = Field(None, max_length=64)
    instructions: Instructions | None = None
    model: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    retrieval: RetrievalWrite | None = None
    history: HistoryWrite | None = None
    members: Members | None = None
    takeover: TakeoverWrite | None = None
    object_id: Text | None = Field(None, alias="_id")
    id: Text | None = None
    api_key: Text | None = None
    created_at: Text | None = Field(None, alias="createdAt")
    updated_at: Text | None = Field(None, alias="updatedAt")


class KeyRotation(Input):
    grace_seconds: Annotated[StrictInt, Field(ge=0, le=30 * 24 * 3600)] = 0


class RetrievalRead(Output):
    enabled: bool
    passages: int
    min_score: float | None
    citations: bool


class HistoryRead(Output):
    messages: int


class MemberRead(Output):
    user_id: str
    role: MemberRole


class TakeoverRead(Output):
    return_after_minutes: int | None
    contact_keywords: list[str]
    release_keywords: list[str]


class AssistantRead(Output):
    object_id: str = Field(alias="_id")
    name: str
    company: str | None
    owner_id: str
    api_key: str | None
    instructions: str
    model: str | None
    temperature: float | None
    max_tokens: int | None
    retrieval: RetrievalRead
    history: HistoryRead
    members: list[MemberRead]
    takeover: TakeoverRead
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class AssistantCreated(AssistantRead):
    id: str
