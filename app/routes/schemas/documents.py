from typing import Literal

from apiflask.fields import UploadFile
from pydantic import ConfigDict, Field

from app.models.document import DocumentStatus, DocumentType
from app.routes.schemas.common import Input, Instant, Output, Paging, Text


class DocumentUpload(Input):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    file: UploadFile
    type: DocumentType
    assistant_id: Text = Field(max_length=64)
    replace: Literal["true", "false"] = "false"


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
    created_at: Instant = Field(alias="createdAt")


class DocumentCreated(DocumentRead):
    id: str


class Waiting(Input):
    wait: float = Field(0, ge=0, le=25, allow_inf_nan=False)


class PathRead(Output):
    path: str
