"""Assistants that come in as a zip."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from app.errors import (
    AppError,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    ImportRefused,
    TooManyDocuments,
)
from app.models.document import Document, DocumentType
from app.models.user import User
from app.services.assistants import KeyedAssistant
from app.services.portability.archives import Archive
from app.services.portability.package_format import (
    ASSISTANT,
    DOCUMENTS,
    FOLDER,
    PackedDocument,
)

LARGEST_JSON = 1024 * 1024  # as for a request's body
LISTED = 1024  # bytes of documents.json for a document more
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An archive that has come in, with the JSON of its two first entries."""

    archive: Archive
    assistant: bytes
    documents: bytes


class Assistants(Protocol):
    def create(self, caller: User, *, name: str, **fields: Any) -> KeyedAssistant: ...
    def update(
        self, caller: User, assistant_id: str, changes: Mapping[str, Any]
    ) -> KeyedAssistant: ...
    def delete(self, caller: User, assistant_id: str) -> None: ...


class Uploads(Protocol):
    def upload(
        self,
        caller: User,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        source_url: str | None,
    ) -> Document: ...


class ImportService:
    """Make an assistant of an archive that somebody sent."""

    def __init__(
        self,
        *,
        assistants: Assistants,
        uploads: Uploads,
        max_upload_mb: int,
        quota_mb: int,
        quota_files: int,
    ) -> None:
        self._assistants = assistants
        self._uploads = uploads
        self._max_upload_mb = max_upload_mb
        self._quota_mb = quota_mb
        self._quota_files = quota_files

    def open(self, file: IO[bytes]) -> Package:
        """Raises ImportRefused."""
        most = LARGEST_JSON + LISTED * self._quota_files
        archive = Archive(file, entries=self._quota_files, folder=FOLDER)
        return Package(
            archive=archive,
            assistant=archive.read(ASSISTANT, most=LARGEST_JSON),
            documents=archive.read(DOCUMENTS, most=most),
        )

    def create(
        self,
        caller: User,
        package: Package,
        *,
        settings: Mapping[str, Any],
        documents: Sequence[PackedDocument],
    ) -> KeyedAssistant:
        """Make a new assistant of the caller: the whole package, or nothing of it.

        Raises ImportRefused, the Document… errors, StorageFull.
        """
        archive = package.archive
        self._check(archive, documents)
        # Its prompt is a file: written when what fails can be taken back.
        bare = {k: v for k, v in settings.items() if k != "instructions"}
        made = self._assistants.create(caller, **bare)
        try:
            made = self._assistants.update(
                caller,
                made.assistant.id,
                {"instructions": settings["instructions"]},
            )
            for document in documents:
                self._add(caller, made.assistant.id, archive, document)
        except BaseException:
            self._assistants.delete(caller, made.assistant.id)
            raise
        return made

    def _add(
        self,
        caller: User,
        assistant_id: str,
        archive: Archive,
        document: PackedDocument,
    ) -> None:
        try:
            self._uploads.upload(
                caller,
                assistant_id=assistant_id,
                document_type=DocumentType.RAG,
                filename=document.filename,
                data=archive.read(document.file, most=document.size),
                source_url=document.source_url,
            )
        except AppError as exc:
            exc.details["filename"] = document.filename
            raise

    def _check(self, archive: Archive, documents: Sequence[PackedDocument]) -> None:
        """Read all of an archive; whatever is wrong with it is found here."""
        if len(documents) > self._quota_files:
            raise TooManyDocuments(limit=self._quota_files)
        if sum(one.size for one in documents) > self._quota_mb * MEGABYTE:
            raise DocumentQuotaExceeded(limit=f"{self._quota_mb} MB")
        listed, filenames = {ASSISTANT, DOCUMENTS}, set[str]()
        for one in documents:
            if one.file in listed or one.filename in filenames:
                raise ImportRefused(reason="reason.import_twice", entry=one.file)
            listed.add(one.file)
            filenames.add(one.filename)
        for entry in sorted(archive.names - listed):
            raise ImportRefused(reason="reason.import_unlisted", entry=entry)
        for one in documents:
            if one.size > self._max_upload_mb * MEGABYTE:
                raise DocumentTooLarge(
                    limit=f"{self._max_upload_mb} MB", filename=one.filename
                )
            _check_contents(archive, one)


def _check_contents(archive: Archive, document: PackedDocument) -> None:
    name = document.file
    if name in archive.names and archive.size(name) != document.size:
        raise ImportRefused(reason="reason.import_size", entry=name)
    found, size = hashlib.sha256(), 0
    for part in archive.parts(name, most=document.size):
        found.update(part)
        size += len(part)
    if size != document.size:
        raise ImportRefused(reason="reason.import_size", entry=name)
    if found.hexdigest() != document.sha256:
        raise ImportRefused(reason="reason.import_hash", entry=name)
