"""What all shapes share."""

from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.routes.json import bad_characters


def _readable(value: str) -> str:
    if bad_characters(value):
        raise PydanticCustomError("characters", "holds characters that are not text")
    return value


def _present(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return value


def _instant(moment: datetime) -> str:
    utc = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return utc.replace("+00:00", "Z")


Text = Annotated[str, AfterValidator(_readable)]
FilledText = Annotated[Text, AfterValidator(_present)]
Instant = Annotated[
    datetime,
    PlainSerializer(_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Input(BaseModel):
    """What comes in: nothing but the named fields."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """What goes out: the named fields and no others."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class Paging(Input):
    limit: int = Field(1000, ge=1, le=1000)
    after: Text | None = Field(None, max_length=200)


class Deleted(Output):
    id: str = Field(alias="_id")
    deleted: bool


class ErrorDetail(Output):
    code: str
    message: str
    fields: dict[str, str] | None = None
    request_id: str


def list_of(model: type[Output]) -> type[Output]:
    """Return the shape of a plain array; APIFlask takes it, its types do not say so."""
    return cast("type[Output]", list[model])  # type: ignore[valid-type]


ERROR_SCHEMA: dict[str, Any] = {
    "title": "Error",
    "type": "object",
    "properties": {"error": ErrorDetail.model_json_schema()},
    "required": ["error"],
}
