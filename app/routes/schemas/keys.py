from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.models.api_key import KeyScope
from app.routes.schemas.common import FilledText, Input, Instant, Output, unique


def _instant(value: Any) -> datetime:
    """Read an ISO 8601 time, cut to milliseconds; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as exc:
        raise PydanticCustomError(
            "instant", "must be a time such as 2026-11-20T08:30:00Z"
        ) from exc
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class KeyCreate(Input):
    name: FilledText = Field(max_length=120)
    scopes: Annotated[tuple[KeyScope, ...], Field(min_length=1), AfterValidator(unique)]
    expires_at: Annotated[datetime, BeforeValidator(_instant)] | None = None


class KeyRead(Output):
    object_id: str = Field(alias="_id")
    name: str
    scopes: list[KeyScope]
    hint: str
    expires_at: Instant | None
    created_at: Instant = Field(alias="createdAt")


class KeyCreated(KeyRead):
    """The key with its secret, which is shown this once."""

    id: str
    secret: str
