"""Contents of documents: put in place, exchanged and removed, each in one step."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import DocumentExists, DocumentNotFound
from app.models.document import Document, DocumentStatus
from app.models.filenames import numbered_name
from app.models.ids import new_id

STALE = 600  # seconds after which nobody works on an upload any more
MOST_NAMESAKES = 1000
INTERRUPTED = "interrupted"


class Documents(Protocol):
    def add(self, document: Document) -> None: ...
    def get(self, document_id: str) -> Document | None: ...
    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None: ...
    def find_by_revision(self, assistant_id: str, revision: str) -> Document | None: ...
    def filepaths(self, assistant_id: str) -> set[str]: ...
    def list_unfinished(self, *, since: datetime) -> list[Document]: ...
    def replace(self, old: Document, new: Document) -> bool: ...
    def remove(self, document_id: str) -> bool: ...


class Chunks(Protocol):
    def remove_for_document(self, document_id: str) -> None: ...


class Files(Protocol):
    def stage(self, assistant_id: str, name: str, data: bytes) -> None: ...
    def commit(self, assistant_id: str, name: str, filepath: str) -> None: ...
    def discard(self, assistant_id: str, name: str) -> None: ...
    def staged_since(self, seconds: float) -> list[tuple[str, str]]: ...
    def remove(self, filepath: str) -> None: ...
    def is_there(self, filepath: str) -> bool: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class Queue(Protocol):
    """Where documents wait to be indexed; to ask for one again changes nothing."""

    def add(self, document: Document) -> None: ...
    def remove(self, document_id: str) -> None: ...


class Revisions:
    """The bytes and the record of each document, kept together.

    A revision exists in one step, when its record is written: its bytes are at least
    staged then. It is searchable when it has been indexed; until then the one before
    it is.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        files: Files,
        knowledge: Knowledge,
        queue: Queue,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._files = files
        self._knowledge = knowledge
        self._queue = queue
        self._now = now

    def add(self, document: Document, name: str, data: bytes) -> Document:
        """Put a new document in place, under ``name`` or a number behind it.

        Raises DocumentExists, DocumentNotFound when it is deleted meanwhile.
        """
        document = self._claim_place(document, name)
        try:
            self._put(document, data)
            if self._documents.get(document.id) is None:
                raise DocumentNotFound  # deleted meanwhile
        except BaseException:
            self._documents.remove(document.id)
            self._files.remove(document.filepath)
            raise
        try:
            self._queue.add(document)
        except BaseException:
            self.remove(document)  # it may be queued, and even indexed
            raise
        return document

    def replace(self, old: Document, new: Document, data: bytes) -> Document:
        """Exchange a document's contents; the old ones are found until the new are.

        Raises DocumentExists when somebody else has exchanged or deleted it first.
        """
        try:
            self._files.stage(new.assistant_id, new.revision, data)
            new = self._exchange(old, new)
        except BaseException:
            # A store that failed may have done it all the same.
            if not self._documents.find_by_revision(new.assistant_id, new.revision):
                self._files.discard(new.assistant_id, new.revision)
            raise
        self._finish_replacing(new)
        return new

    def index_again(self, document: Document) -> Document:
        """Queue a document that has failed, or whose reading has improved.

        One that waits already keeps waiting. Raises DocumentNotFound.
        """
        while not document.is_waiting:
            again = replace(
                document,
                revision=new_id(),
                status=DocumentStatus.QUEUED,
                progress=0.0,
                error=None,
            )
            if self._documents.replace(document, again):
                document = again
            else:
                document = self._present(document.id)
        self._queue.add(document)
        return document

    def remove(self, document: Document) -> bool:
        """Remove every trace; False when the document was gone already.

        First nothing of it is searchable any more, and what indexes it comes to
        nothing. The record goes last: while it is there, a removal may be repeated.
        """
        try:
            self._withdraw(document)
        except DocumentNotFound:
            return False
        self._knowledge.knowledge_changed(document.assistant_id)
        self._queue.remove(document.id)
        self._chunks.remove_for_document(document.id)
        self._files.remove(document.filepath)
        return self._documents.remove(document.id)

    def clear_up(self) -> None:
        """Finish, or mark as failed, what a crash left half done."""
        for assistant_id, name in self._files.staged_since(STALE):
            document = self._documents.find_by_revision(assistant_id, name)
            if document:
                with suppress(FileNotFoundError):  # another process was quicker
                    self._finish_replacing(document)
            else:
                self._files.discard(assistant_id, name)
        since = self._now() - timedelta(seconds=STALE)
        for document in self._documents.list_unfinished(since=since):
            if self._files.is_there(document.filepath):
                self._queue.add(document)
            else:
                failed = replace(
                    document, status=DocumentStatus.FAILED, error=INTERRUPTED
                )
                self._documents.replace(document, failed)

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

    def _exchange(self, old: Document, new: Document) -> Document:
        """Write down a new revision, with what is searchable in the end."""
        while True:
            new = replace(new, indexed=old.indexed, chunks=old.chunks)
            if self._documents.replace(old, new):
                return new
            present = self._documents.get(old.id)
            if present is None or present.revision != old.revision:
                raise DocumentExists
            old = present  # it has just been indexed

    def _withdraw(self, document: Document) -> None:
        """Take a document out of what is searchable, and from those who index it.

        Raises DocumentNotFound.
        """
        while not self._documents.replace(
            document,
            replace(
                document,
                revision=new_id(),
                status=DocumentStatus.FAILED,
                error=INTERRUPTED,
                indexed=None,
                chunks=0,
            ),
        ):
            document = self._present(document.id)

    def _present(self, document_id: str) -> Document:
        document = self._documents.get(document_id)
        if document is None:
            raise DocumentNotFound
        return document

    def _finish_replacing(self, document: Document) -> None:
        """Do what follows a new revision; its staged file says that this is due."""
        self._files.commit(document.assistant_id, document.revision, document.filepath)
        self._queue.add(document)
        if self._documents.get(document.id) is None:
            self._files.remove(document.filepath)  # deleted meanwhile

    def _put(self, document: Document, data: bytes) -> None:
        try:
            self._files.stage(document.assistant_id, document.revision, data)
            self._files.commit(
                document.assistant_id, document.revision, document.filepath
            )
        except BaseException:
            self._files.discard(document.assistant_id, document.revision)
            raise


def place_of(assistant_id: str, name: str) -> str:
    """Return where a file of knowledge lies, relative to the documents folder."""
    return f"{assistant_id}/knowledge/{name}"
