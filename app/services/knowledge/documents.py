import codecs
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.errors import (
    DocumentEmpty,
    DocumentExists,
    DocumentNotFound,
    DocumentNotRead,
    DocumentTooLarge,
    InvalidInput,
)
from app.extraction.extract import ExtractionFailed
from app.extraction.formats import FORMATS
from app.extraction.text_reading import check_extension, read_text
from app.models.api_key import KeyScope
from app.models.assistant import Assistant, AssistantRole
from app.models.caller import Caller
from app.models.document import (
    Document,
    DocumentFilter,
    DocumentStatus,
    DocumentType,
)
from app.models.filenames import safe_name
from app.models.ids import new_id
from app.models.page import Page, PageRequest
from app.services.access import AccessService
from app.services.knowledge.revisions import Revisions, place_of
from app.services.prompts import PromptService

PROMPT_FORMATS = ("md", "txt")
LONGEST_FILENAME = 1000
LONGEST_PROMPT = 100_000
MEGABYTE = 1024 * 1024
BETWEEN_LOOKS = 0.2


class Documents(Protocol):
    def get(
        self, document_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Document | None: ...
    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None: ...
    def find_prompt(self, assistant_id: str) -> Document | None: ...
    def list_page(
        self,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Document]: ...


class Files(Protocol):
    def path(self, filepath: str) -> Path: ...


class DocumentService:
    """Documents: the prompt, and the knowledge that answers are looked up in."""

    def __init__(
        self,
        *,
        documents: Documents,
        revisions: Revisions,
        files: Files,
        prompts: PromptService,
        access: AccessService,
        max_upload_mb: int,
        stopping: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._revisions = revisions
        self._files = files
        self._prompts = prompts
        self._access = access
        self._max_upload_mb = max_upload_mb
        self._stopping = stopping
        self._now = now

    def upload(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        replacing: bool = False,
        source_url: str | None = None,
    ) -> Document:
        """Store a file, to be made searchable, or as the assistant's prompt.

        ``source_url`` is where it was fetched from. What is there already is not
        read again. Raises AssistantNotFound, Forbidden, the Document… errors,
        StorageFull.
        """
        assistant = self._access.assistant(
            caller, assistant_id, role=AssistantRole.EDITOR, scope=KeyScope.DOCUMENTS
        )
        is_prompt = document_type is DocumentType.PROMPT
        name, extension = check_filename(
            filename, PROMPT_FORMATS if is_prompt else FORMATS
        )
        self.check_size(len(data))
        if is_prompt:
            return self._set_prompt(assistant, filename, read_text(data))
        check_contents(extension, data)
        document = self._described(assistant, filename, data, source_url)
        old = self._documents.find_by_filename(assistant.id, filename)
        if old is None:
            return self._revisions.add(document, name, data)
        if not replacing:
            raise DocumentExists
        if _is_there_already(document, old):
            return old
        document = replace(document, id=old.id, filepath=old.filepath)
        return self._revisions.replace(old, document, data)

    def check_size(self, size: int) -> None:
        """Raises DocumentTooLarge."""
        if size > self._max_upload_mb * MEGABYTE:
            raise DocumentTooLarge(limit=f"{self._max_upload_mb} MB")

    def index_again(self, caller: Caller, document_id: str) -> Document:
        """Read a document anew; what is found of it now is found until then.

        Raises DocumentNotFound, Forbidden.
        """
        document = self._changeable(caller, document_id)
        if document.type is DocumentType.PROMPT:
            return document
        return self._revisions.index_again(document)

    def get(self, caller: Caller, document_id: str) -> Document:
        """Raises DocumentNotFound."""
        visible = self._access.assistant_ids(caller, scope=KeyScope.DOCUMENTS)
        found = self._documents.get(document_id, assistant_ids=visible)
        if found is None:
            raise DocumentNotFound
        return found

    def wait(self, caller: Caller, document_id: str, seconds: float) -> Document:
        """Return a document when it is indexed or has failed, or after that time.

        Raises DocumentNotFound.
        """
        give_up = time.monotonic() + seconds
        while (found := self.get(caller, document_id)).is_waiting:
            left = give_up - time.monotonic()
            if left <= 0 or self._stopping.wait(min(left, BETWEEN_LOOKS)):
                break
        return found

    def list_page(
        self,
        caller: Caller,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_id: str | None = None,
    ) -> Page[Document]:
        """Raises AssistantNotFound."""
        visible = self._access.assistant_ids(
            caller, assistant_id=assistant_id, scope=KeyScope.DOCUMENTS
        )
        return self._documents.list_page(request, chosen, assistant_ids=visible)

    def file(self, caller: Caller, document_id: str) -> tuple[Document, Path]:
        """Return a document and the place of its bytes. Raises DocumentNotFound."""
        document = self.get(caller, document_id)
        path = self._files.path(document.filepath)
        if not path.is_file():
            raise DocumentNotFound
        return document, path

    def delete(self, caller: Caller, document_id: str) -> None:
        """Remove every trace of a document. Raises DocumentNotFound, Forbidden."""
        document = self._changeable(caller, document_id)
        if document.type is DocumentType.PROMPT:
            self._prompts.set(document.assistant_id, "")
            return
        if not self._revisions.remove(document):
            raise DocumentNotFound

    def _changeable(self, caller: Caller, document_id: str) -> Document:
        document = self.get(caller, document_id)
        self._access.check(
            caller,
            document.assistant_id,
            role=AssistantRole.EDITOR,
            scope=KeyScope.DOCUMENTS,
        )
        return document

    def _set_prompt(self, assistant: Assistant, filename: str, text: str) -> Document:
        if len(text) > LONGEST_PROMPT:
            raise DocumentTooLarge(limit=f"{LONGEST_PROMPT} characters")
        self._prompts.set(assistant.id, text, filename=filename)
        document = self._documents.find_prompt(assistant.id)
        if document is None:
            raise DocumentNotFound
        return document

    def _described(
        self, assistant: Assistant, filename: str, data: bytes, source_url: str | None
    ) -> Document:
        return Document(
            id=new_id(),
            assistant_id=assistant.id,
            type=DocumentType.RAG,
            filename=filename,
            filepath=place_of(assistant.id, safe_name(filename)),
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            revision=new_id(),
            status=DocumentStatus.QUEUED,
            progress=0.0,
            error=None,
            chunks=0,
            source_url=source_url,
            created_at=self._now(),
        )


def check_filename(
    filename: str, formats: Iterable[str], *, field: str = "file"
) -> tuple[str, str]:
    """Return a file's name for the disk, and its extension.

    Raises InvalidInput, DocumentTypeUnsupported.
    """
    name = safe_name(filename)
    if not name or len(filename) > LONGEST_FILENAME:
        raise InvalidInput(fields={field: "field.filename"})
    return name, check_extension(name, formats)


def _is_there_already(document: Document, old: Document) -> bool:
    return (
        old.sha256 == document.sha256
        and old.source_url == document.source_url
        and old.status is not DocumentStatus.FAILED
    )


def check_contents(extension: str, data: bytes) -> None:
    """Refuse at once what no reading can make anything of.

    Raises DocumentEmpty, DocumentNotRead.
    """
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise DocumentEmpty
    try:
        FORMATS[extension].check(data)
    except ExtractionFailed as exc:
        raise DocumentNotRead(reason=f"document.{exc.reason}") from exc
