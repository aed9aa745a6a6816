from typing import Literal

from apiflask.fields import UploadFile
from pydantic import ConfigDict, Field, StrictBool

from app.models.document import DocumentStatus, DocumentType
from app.routes.schemas.common import (
    ErrorDetail,
    FilledText,
    Input,
    Instant,
    Output,
    Paging,
    Text,
)


class DocumentUpload(Input):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    file: UploadFile
    type: DocumentType
    assistant_id: Text = Field(max_length=64)
    replace: Literal["true", "false"] = "false"


class DocumentUploads(Input):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    files: list[UploadFile] = Field(min_length=1, max_length=100)
    assistant_id: Text = Field(max_length=64)
    replace: Literal["true", "false"] = "false"


class PageAddress(Input):
    assistant_id: Text = Field(max_length=64)
    url: FilledText = Field(max_length=2048)
    filename: FilledText | None = Field(None, max_length=1000)
    replace: StrictBool = False


class DocumentQuery(Paging):
    assistant_id: Text | None = Field(None, max_length=64)
    type: DocumentType | None = None
    status: DocumentStatus | None = None


class DocumentRead(Output):
    object_id: str = Field(alias="_id")
    filepath: str
    filename: str
    type: DocumentType
    assistant_id: str
    size: int
    sha256: str
    status: DocumentStatus
    progress: float
    error: str | None
    chunks: int
    pages: int | None
    source_url: str | None
    created_at: Instant = Field(alias="createdAt")


class DocumentCreated(DocumentRead):
    id: str


class UploadOutcome(Output):
    filename: str
    document: DocumentRead | None
    error: ErrorDetail | None


class Waiting(Input):
    wait: float = Field(0, ge=0, le=25, allow_inf_nan=False)


class PathRead(Output):
    path: str
