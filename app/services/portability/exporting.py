"""Assistants that leave as a zip."""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

from app.models.assistant import Assistant, AssistantRole
from app.models.document import Document, DocumentFilter, DocumentType
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService
from app.services.portability.archives import PART, zipped
from app.services.portability.package_format import (
    ASSISTANT,
    DOCUMENTS,
    FOLDER,
    FORMAT,
    SETTINGS,
    VERSION,
    PackedDocument,
)

log = logging.getLogger(__name__)

PAGE = 1000
LOOKS = 3
EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")
NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class Documents(Protocol):
    def get(self, document_id: str) -> Document | None: ...
    def list_page(
        self,
        request: PageRequest,
        chosen: DocumentFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Document]: ...


class Files(Protocol):
    def path(self, filepath: str) -> Path: ...
    def staged(self, assistant_id: str, name: str) -> Path: ...


class ExportService:
    """Take an assistant's settings and documents out."""

    def __init__(
        self, *, documents: Documents, files: Files, access: AccessService
    ) -> None:
        self._documents = documents
        self._files = files
        self._access = access

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
