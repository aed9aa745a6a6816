"""Contents of documents: put in place, exchanged and removed, each in one step."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import DocumentExists, DocumentNotFound
from app.models.document import Chunk, Document, DocumentStatus
from app.models.filenames import numbered_name

STALE = 600  # seconds after which nobody works on an upload any more
MOST_NAMESAKES = 1000


class Documents(Protocol):
    def add(self, document: Document) -> None: ...
    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None: ...
    def find_by_revision(self, assistant_id: str, revision: str) -> Document | None: ...
    def filepaths(self, assistant_id: str) -> set[str]: ...
    def list_unfinished(self, *, since: datetime) -> list[Document]: ...
    def replace(self, old: Document, new: Document) -> bool: ...
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
    def remove(self, filepath: str) -> None: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class Revisions:
    """The bytes, chunks and record of each document, kept together.

    A revision becomes visible in one step, when its record is written: its chunks
    are there before, and its bytes are at least staged.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        files: Files,
        knowledge: Knowledge,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._files = files
        self._knowledge = knowledge
        self._now = now

    def add(
        self, document: Document, name: str, data: bytes, chunks: list[Chunk]
    ) -> Document:
        """Put a new document in place, under ``name`` or a number behind it.

        Raises DocumentExists, DocumentNotFound when it is deleted meanwhile.
        """
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

    def replace(
        self, old: Document, new: Document, data: bytes, chunks: list[Chunk]
    ) -> None:
        """Exchange a document's contents; readers see the old or the new.

        Raises DocumentExists when somebody else has exchanged them first.
        """
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

    def remove(self, document: Document) -> bool:
        """Remove every trace; False when the document was gone already.

        The record goes last: while it is there, a removal may be repeated.
        """
        self._chunks.remove_for_document(document.id)
        self._files.remove(document.filepath)
        removed = self._documents.remove(document.id)
        self._knowledge.knowledge_changed(document.assistant_id)
        return removed

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

    def _claim_place(self, document: Document, name: str) -> Document:
        """Add the record under the first free place on the disk."""
        for number in range(1, MOST_NAMESAKES):
            # Some disks take A.md and a.md for the same.
            paths = self._documents.filepaths(document.assistant_id)
            taken = {path.casefold() for path in paths}
            if document.filepath.casefold() not in taken:
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
            place = place_of(document.assistant_id, numbered_name(name, number + 1))
            document = replace(document, filepath=place)
        raise DocumentExists

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


def place_of(assistant_id: str, name: str) -> str:
    """Return where a file of knowledge lies, relative to the documents folder."""
    return f"{assistant_id}/knowledge/{name}"
