"""Several files in one upload."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from app.errors import AppError, StoreUnavailable
from app.models.api_key import KeyScope
from app.models.assistant import AssistantRole
from app.models.caller import Caller
from app.models.document import Document, DocumentType
from app.services.access import AccessService


class Uploads(Protocol):
    def upload(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        replacing: bool = False,
    ) -> Document: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file: its document, or why there is none."""

    filename: str
    document: Document | None = None
    error: AppError | None = None


class BatchService:
    def __init__(self, *, uploads: Uploads, access: AccessService) -> None:
        self._uploads = uploads
        self._access = access

    def upload(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        files: Iterable[tuple[str, bytes]],
        replacing: bool = False,
    ) -> list[Outcome]:
        """Store files, given by name and contents, one after the other.

        One that cannot be stored does not keep the others out. Raises
        AssistantNotFound, Forbidden, StoreUnavailable.
        """
        self._access.check(
            caller, assistant_id, role=AssistantRole.EDITOR, scope=KeyScope.DOCUMENTS
        )
        return [
            self._outcome(caller, assistant_id, filename, data, replacing=replacing)
            for filename, data in files
        ]

    def _outcome(
        self,
        caller: Caller,
        assistant_id: str,
        filename: str,
        data: bytes,
        *,
        replacing: bool,
    ) -> Outcome:
        try:
            document = self._uploads.upload(
                caller,
                assistant_id=assistant_id,
                document_type=DocumentType.RAG,
                filename=filename,
                data=data,
                replacing=replacing,
            )
        except StoreUnavailable:
            raise
        except AppError as exc:
            return Outcome(filename=filename, error=exc)
        return Outcome(filename=filename, document=document)
