"""What all shapes share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.errors import InvalidInput
from app.routes.json import bad_characters

T = TypeVar("T")


def _readable(value: str) -> str:
    if bad_characters(value):
        raise PydanticCustomError("characters", "holds characters that are not text")
    return value


def _present(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return value


def unique(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("duplicate", "holds something twice")
    return values


def refuse_null(changes: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises InvalidInput for named fields that were given as null."""
    null = [name for name in names if name in changes and changes[name] is None]
    if null:
        raise InvalidInput(fields=dict.fromkeys(null, "field.null"))


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
    fields: dict[str, str] | None = Field(None, exclude_if=lambda given: given is None)
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
