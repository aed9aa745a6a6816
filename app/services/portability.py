"""Assistants that leave as a zip, and come in elsewhere."""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from app.errors import (
    AppError,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    ImportRefused,
    TooManyDocuments,
)
from app.models.assistant import Assistant, AssistantRole
from app.models.document import Document, DocumentFilter, DocumentType
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService
from app.services.archives import PART, Archive, zipped
from app.services.assistants import KeyedAssistant

log = logging.getLogger(__name__)

FORMAT, VERSION = "orquestradora-assistant", 1
SETTINGS = (
    "name",
    "company",
    "instructions",
    "model",
    "temperature",
    "max_tokens",
    "retrieval",
    "history",
    "takeover",
)
ASSISTANT, DOCUMENTS, FOLDER = "assistant.json", "documents.json", "documents"
LARGEST_JSON = 1024 * 1024  # as for a request's body
LISTED = 1024  # bytes of documents.json for a document more
MEGABYTE = 1024 * 1024
PAGE = 1000
LOOKS = 3
EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")
NO_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedDocument:
    """A document of an archive; ``file`` names the entry with its bytes."""

    filename: str
    file: str
    size: int
    sha256: str
    source_url: str | None


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


class Documents(Protocol):
    def get(self, document_id: str) -> Document | None: ...
    def list_page(
        self,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Document]: ...


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


class Files(Protocol):
    def path(self, filepath: str) -> Path: ...
    def staged(self, assistant_id: str, name: str) -> Path: ...


class PortabilityService:
    """Take an assistant's settings and documents out, and bring them in."""

    def __init__(
        self,
        *,
        assistants: Assistants,
        documents: Documents,
        uploads: Uploads,
        files: Files,
        access: AccessService,
        max_upload_mb: int,
        quota_mb: int,
        quota_files: int,
    ) -> None:
        self._assistants = assistants
        self._documents = documents
        self._uploads = uploads
        self._files = files
        self._access = access
        self._max_upload_mb = max_upload_mb
        self._quota_mb = quota_mb
        self._quota_files = quota_files

    def export(
        self, caller: User, assistant_id: str
    ) -> tuple[Assistant, Iterator[bytes]]:
        """Return an assistant and its zip, a little at a time.

        Documents that are deleted meanwhile may be missing from it; of one that is
        replaced, it has one whole revision. Raises AssistantNotFound, Forbidden.
        """
        assistant = self._access.assistant(
            caller, assistant_id, role=AssistantRole.EDITOR
        )
        listed = self._listed(assistant.id)
        return assistant, zipped(self._entries(assistant, listed))

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

    def _entries(
        self, assistant: Assistant, listed: Sequence[Document]
    ) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        settings = asdict(assistant)
        yield _json(
            ASSISTANT,
            {
                "format": FORMAT,
                "version": VERSION,
                "assistant": {name: settings[name] for name in SETTINGS},
            },
        )
        packed: list[dict[str, Any]] = []
        for document in listed:
            opened = self._opened(document)
            if opened is None:
                log.warning("document not exported", extra={"document_id": document.id})
                continue
            present, file = opened
            with file:
                one = _described(present, len(packed) + 1)
                yield one.file, one.size, iter(lambda: file.read(PART), b"")  # noqa: B023
            packed.append(asdict(one))
        yield _json(DOCUMENTS, {"documents": packed})

    def _listed(self, assistant_id: str) -> list[Document]:
        """Return an assistant's knowledge in an order that is the same elsewhere."""
        found: list[Document] = []
        chosen, after = DocumentFilter(type=DocumentType.RAG), None
        while True:
            page = self._documents.list_page(
                PageRequest(limit=PAGE, after=after),
                chosen,
                assistant_ids=[assistant_id],
            )
            found += page.items
            if page.next is None:
                return sorted(found, key=lambda document: document.filename)
            after = page.next

    def _opened(self, document: Document) -> tuple[Document, IO[bytes]] | None:
        """Return a document as it is now, and the very bytes that it is made of.

        None when it is gone, or its file has been tampered with. What is open stays
        what it is, whoever puts other bytes in its place.
        """
        for _ in range(LOOKS):
            present = self._documents.get(document.id)
            if present is None:
                return None
            for path in (
                self._files.staged(present.assistant_id, present.revision),
                self._files.path(present.filepath),
            ):
                if file := _open_if_same(path, present):
                    return present, file
        return None


def _open_if_same(path: Path, document: Document) -> IO[bytes] | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if hashlib.file_digest(file, "sha256").hexdigest() != document.sha256:
        file.close()
        return None
    file.seek(0)
    return file


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


def _described(document: Document, number: int) -> PackedDocument:
    extension = Path(document.filename.lower()).suffix
    if not EXTENSION.fullmatch(extension):
        extension = ""
    return PackedDocument(
        filename=NO_TEXT.sub("", document.filename),
        file=f"{FOLDER}/{number:04}{extension}",
        size=document.size,
        sha256=document.sha256,
        source_url=document.source_url,
    )


def _json(name: str, value: dict[str, Any]) -> tuple[str, int, Iterator[bytes]]:
    data = json.dumps(value, ensure_ascii=False, indent=2).encode()
    return name, len(data), iter([data])
