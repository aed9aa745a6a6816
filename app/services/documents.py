import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from app.errors import (
    DocumentExists,
    DocumentNotFound,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    InvalidInput,
)
from app.models.assistant import Assistant
from app.models.document import (
    Chunk,
    Document,
    DocumentFilter,
    DocumentStatus,
    DocumentType,
)
from app.models.filenames import numbered_name, safe_name
from app.models.ids import new_id
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService
from app.services.chunking import chunks_of
from app.services.prompts import PromptService
from app.services.text_reading import check_extension, read_text

EXTENSIONS = ("md", "txt")
LONGEST_PROMPT = 100_000
MEGABYTE = 1024 * 1024
STALE = 600  # seconds after which nobody works on an upload any more


class Documents(Protocol):
    def add(self, document: Document) -> None: ...
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
    def filepaths(self, assistant_id: str) -> set[str]: ...
    def total_size(self, assistant_id: str) -> int: ...
    def replace(self, old: Document, new: Document) -> bool: ...
    def list_unfinished(self, *, since: datetime) -> list[Document]: ...
    def find_by_revision(self, assistant_id: str, revision: str) -> Document | None: ...
    def remove(self, document_id: str) -> bool: ...


class Chunks(Protocol):
    def add(self, chunks: Iterable[Chunk]) -> None: ...
    def remove_for_document(
        self, document_id: str, *, but: str | None = None
    ) -> None: ...
    def remove_revision(self, document_id: str, revision: str) -> None: ...


class Files(Protocol):
    def stage(self, assistant_id: str, name: str, data: bytes) -> None: ...
    def commit(self, assistant_id: str, name: str, filepath: str) -> None: ...
    def discard(self, assistant_id: str, name: str) -> None: ...
    def staged_since(self, seconds: float) -> list[tuple[str, str]]: ...
    def path(self, filepath: str) -> Path: ...
    def remove(self, filepath: str) -> None: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class DocumentService:
    """Uploads: the prompt, and the knowledge that answers are looked up in.

    A revision becomes visible in one step, when its record is written: its chunks
    and its bytes are in place before.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        files: Files,
        knowledge: Knowledge,
        prompts: PromptService,
        access: AccessService,
        max_upload_mb: int,
        quota_mb: int,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._files = files
        self._knowledge = knowledge
        self._prompts = prompts
        self._access = access
        self._max_upload_mb = max_upload_mb
        self._quota_mb = quota_mb
        self._now = now

    def upload(
        self,
        caller: User,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        replacing: bool = False,
    ) -> Document:
        """Store a file and make it searchable, or the assistant's prompt.

        Raises AssistantNotFound, the Document… errors, StorageFull.
        """
        assistant = self._access.assistant(caller, assistant_id)
        name = safe_name(filename)
        if not name:
            raise InvalidInput(fields={"file": "field.filename"})
        extension = check_extension(name, EXTENSIONS)
        if len(data) > self._max_upload_mb * MEGABYTE:
            raise DocumentTooLarge(limit=f"{self._max_upload_mb} MB")
        text = read_text(data)
        if document_type is DocumentType.PROMPT:
            return self._set_prompt(assistant, filename, text)
        old = self._documents.find_by_filename(assistant.id, filename)
        if old and not replacing:
            raise DocumentExists
        self._check_quota(assistant.id, len(data) - (old.size if old else 0))
        document = self._described(assistant, filename, name, data)
        if old:
            document = replace(document, id=old.id, filepath=old.filepath)
        chunks = chunks_of(document, text, markdown=extension == "md")
        document = replace(document, chunks=len(chunks))
        if old:
            self._replace(old, document, data, chunks)
            return document
        return self._add(document, name, data, chunks)

    def get(self, caller: User, document_id: str) -> Document:
        """Raises DocumentNotFound."""
        found = self._documents.get(
            document_id, assistant_ids=self._access.assistant_ids(caller)
        )
        if found is None:
            raise DocumentNotFound
        return found

    def list_page(
        self,
        caller: User,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_id: str | None = None,
    ) -> Page[Document]:
        """Raises AssistantNotFound."""
        assistant_ids = self._access.assistant_ids(caller, assistant_id=assistant_id)
        return self._documents.list_page(request, chosen, assistant_ids=assistant_ids)

    def file(self, caller: User, document_id: str) -> tuple[Document, Path]:
        """Return a document and the place of its bytes. Raises DocumentNotFound."""
        document = self.get(caller, document_id)
        path = self._files.path(document.filepath)
        if not path.is_file():
            raise DocumentNotFound
        return document, path

    def delete(self, caller: User, document_id: str) -> None:
        """Remove every trace of a document. Raises DocumentNotFound."""
        document = self.get(caller, document_id)
        if document.type is DocumentType.PROMPT:
            self._prompts.set(document.assistant_id, "")
            return
        # The record goes last: while it is there, a deletion may be repeated.
        self._chunks.remove_for_document(document.id)
        self._files.remove(document.filepath)
        if not self._documents.remove(document.id):
            raise DocumentNotFound
        self._knowledge.knowledge_changed(document.assistant_id)

    def clear_up(self) -> None:
        """Finish, or mark as failed, what a crash left half done."""
        since = self._now() - timedelta(seconds=STALE)
        for document in self._documents.list_unfinished(since=since):
            self._chunks.remove_for_document(document.id)
            self._files.remove(document.filepath)
            failed = replace(
                document, status=DocumentStatus.FAILED, error="interrupted"
            )
            self._documents.replace(document, failed)
        for assistant_id, name in self._files.staged_since(STALE):
            document_of = self._documents.find_by_revision(assistant_id, name)
            if document_of and document_of.status is DocumentStatus.READY:
                self._finish_replacing(document_of)
            else:
                self._files.discard(assistant_id, name)

    def _set_prompt(self, assistant: Assistant, filename: str, text: str) -> Document:
        if len(text) > LONGEST_PROMPT:
            raise DocumentTooLarge(limit=f"{LONGEST_PROMPT} characters")
        self._prompts.set(assistant.id, text, filename=filename)
        document = self._documents.find_prompt(assistant.id)
        if document is None:
            raise DocumentNotFound
        return document

    def _check_quota(self, assistant_id: str, more: int) -> None:
        quota = self._quota_mb * MEGABYTE
        if self._documents.total_size(assistant_id) + more > quota:
            raise DocumentQuotaExceeded(limit=f"{self._quota_mb} MB")

    def _described(
        self, assistant: Assistant, filename: str, name: str, data: bytes
    ) -> Document:
        return Document(
            id=new_id(),
            assistant_id=assistant.id,
            type=DocumentType.RAG,
            filename=filename,
            filepath=_place(assistant.id, name),
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            revision=new_id(),
            status=DocumentStatus.READY,
            progress=1.0,
            error=None,
            chunks=0,
            created_at=self._now(),
        )

    def _add(
        self, document: Document, name: str, data: bytes, chunks: list[Chunk]
    ) -> Document:
        processing = replace(
            document, status=DocumentStatus.PROCESSING, progress=0.0, chunks=0
        )
        processing = self._claim_place(processing, name)
        document = replace(document, filepath=processing.filepath)
        try:
            self._put(document, data, chunks)
            if not self._documents.replace(processing, document):
                raise DocumentNotFound  # deleted meanwhile
            self._knowledge.knowledge_changed(document.assistant_id)
        except BaseException:
            self._documents.remove(document.id)
            self._chunks.remove_for_document(document.id)
            self._files.remove(document.filepath)
            raise
        return document

    def _claim_place(self, document: Document, name: str) -> Document:
        """Add the record under the first free place on the disk."""
        for number in range(1, 1000):
            taken = self._documents.filepaths(document.assistant_id)
            if document.filepath not in taken:
                try:
                    self._documents.add(document)
                except DocumentExists:
                    if self._documents.find_by_filename(
                        document.assistant_id, document.filename
                    ):
                        raise
                except BaseException:
                    self._documents.remove(document.id)
                    raise
                else:
                    return document
            place = _place(document.assistant_id, numbered_name(name, number + 1))
            document = replace(document, filepath=place)
        raise DocumentExists

    def _replace(
        self, old: Document, new: Document, data: bytes, chunks: list[Chunk]
    ) -> None:
        try:
            self._files.stage(new.assistant_id, new.revision, data)
            self._chunks.add(chunks)
            if not self._documents.replace(old, new):
                raise DocumentExists
        except BaseException:
            # A store that failed may have done it all the same.
            if not self._documents.find_by_revision(new.assistant_id, new.revision):
                self._chunks.remove_revision(new.id, new.revision)
                self._files.discard(new.assistant_id, new.revision)
            raise
        self._finish_replacing(new)

    def _finish_replacing(self, document: Document) -> None:
        """Do what follows a new revision; its staged file says that this is due."""
        self._knowledge.knowledge_changed(document.assistant_id)
        self._chunks.remove_for_document(document.id, but=document.revision)
        self._files.commit(document.assistant_id, document.revision, document.filepath)

    def _put(self, document: Document, data: bytes, chunks: list[Chunk]) -> None:
        try:
            self._files.stage(document.assistant_id, document.revision, data)
            self._chunks.add(chunks)
            self._files.commit(
                document.assistant_id, document.revision, document.filepath
            )
        except BaseException:
            self._files.discard(document.assistant_id, document.revision)
            raise


def _place(assistant_id: str, name: str) -> str:
    return f"{assistant_id}/knowledge/{name}"
