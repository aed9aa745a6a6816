"""What an exported assistant is made of."""

from typing import Annotated, Literal

from apiflask.fields import UploadFile
from pydantic import AfterValidator, ConfigDict, FailFast, Field, StrictInt
from pydantic_core import PydanticCustomError

from app.errors import AddressRefused
from app.fetching.targets import parse
from app.routes.schemas.assistants import AssistantSettings, Name
from app.routes.schemas.common import FilledText, Input, Text


def _address(value: str) -> str:
    try:
        parse(value)
    except AddressRefused:
        readable = False
    else:
        readable = value == value.strip() and "#" not in value
    if not readable:
        raise PydanticCustomError("address_form", "is not an address of the web")
    return value


class AssistantImport(Input):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    file: UploadFile
    name: Name | None = None


class AssistantFile(Input):
    format: Literal["orquestradora-assistant"]
    version: Literal[1]
    assistant: AssistantSettings


class DocumentEntry(Input):
    filename: FilledText = Field(max_length=1000)
    file: Text = Field(pattern=r"^documents/[0-9]{4,6}(\.[a-z0-9]{1,10})?$")
    size: StrictInt = Field(ge=0)
    sha256: Text = Field(pattern=r"^[0-9a-f]{64}$")
    source_url: Annotated[Text, AfterValidator(_address)] | None = None


class DocumentsFile(Input):
    documents: Annotated[tuple[DocumentEntry, ...], FailFast()]
