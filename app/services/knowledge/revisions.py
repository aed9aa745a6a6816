"""Contents of documents: put in place, exchanged and removed, each in one step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import DocumentExists, DocumentNotFound
from app.models.document import Document, DocumentStatus
from app.models.filenames import numbered_name, place_key
from app.models.ids import new_id

STALE = 600  # seconds after which nobody works on an upload any more
MOST_NAMESAKES = 100_000  # as many as an assistant may have documents
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
    def remove_revision(self, document: Document) -> bool: ...


class Chunks(Protocol):
    def remove_for_document(self, document_id: str) -> None: ...


class Files(Protocol):
    def stage(self, assistant_id: str, name: str, data: bytes) -> None: ...
    def commit(self, assistant_id: str, name: str, filepath: str) -> None: ...
    def discard(self, assistant_id: str, name: str) -> None: ...
    def staged_since(self, seconds: float) -> list[tuple[str, str]]: ...
    def is_staged(self, assistant_id: str, name: str) -> bool: ...
    def remove(self, filepath: str) -> None: ...
    def is_there(self, filepath: str) -> bool: ...


class Knowledge(Protocol):
    def knowledge_changed(self, assistant_id: str) -> None: ...


class Quota(Protocol):
    def alone(self, assistant_id: str) -> AbstractContextManager[None]: ...
    def check_added(self, assistant_id: str) -> None: ...
    def check_growing(self, assistant_id: str, by: int) -> None: ...


class Queue(Protocol):
    """Where documents wait to be indexed; to ask for one again changes nothing."""

    def add(self, document: Document) -> None: ...
    def remove(self, document_id: str) -> None: ...


class Watchers(Protocol):
    def tell(self, document: Document) -> None: ...


class Revisions:
    """The bytes and the record of each document, kept together.

    A revision exists in one step, when its record is written: its bytes are at least
    staged then. They are put in their place by whoever comes first, who uploads them
    or who writes down the next revision: so they cannot take the place of later ones.
    It is searchable when it has been indexed; until then the one before it is.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        chunks: Chunks,
        files: Files,
        knowledge: Knowledge,
        quota: Quota,
        queue: Queue,
        watchers: Watchers,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._chunks = chunks
        self._files = files
        self._knowledge = knowledge
        self._quota = quota
        self._queue = queue
        self._watchers = watchers
        self._now = now

    def add(self, document: Document, name: str, data: bytes) -> Document:
        """Put a new document in place, under ``name`` or a number behind it.

        Raises DocumentExists, DocumentQuotaExceeded, DocumentNotFound when it is
        deleted meanwhile.
        """
        try:
            self._files.stage(document.assistant_id, document.revision, data)
            with self._quota.alone(document.assistant_id):
                document = self._claim_place(document, name)
                self._check_quota(document)
        except BaseException:
            self._files.discard(document.assistant_id, document.revision)
            raise
        try:
            self._put_in_place(document)
            if self._documents.get(document.id) is None:
                raise DocumentNotFound  # deleted meanwhile
            self._queue.add(document)
        except BaseException:
            present = self._documents.get(document.id)
            if present and present.revision == document.revision:
                self.remove(present)  # it may be queued, and even indexed
            raise
        self._watchers.tell(document)
        return document

    def replace(self, old: Document, new: Document, data: bytes) -> Document:
        """Exchange a document's contents; the old ones are found until the new are.

        Raises DocumentExists when somebody else has exchanged or deleted it first,
        DocumentQuotaExceeded.
        """
        try:
            self._files.stage(new.assistant_id, new.revision, data)
            self._put_in_place(old)
            with self._quota.alone(new.assistant_id):
                self._quota.check_growing(new.assistant_id, new.size - old.size)
                new = self._exchange(old, new)
        except BaseException:
            # A store that failed may have done it all the same.
            if not self._documents.find_by_revision(new.assistant_id, new.revision):
                self._files.discard(new.assistant_id, new.revision)
            raise
        self._watchers.tell(new)
        self._finish_replacing(new)
        return new

    def index_again(self, document: Document) -> Document:
        """Queue a document that has failed, or whose reading has improved.

        One that waits already keeps waiting. Raises DocumentNotFound.
        """
        while not document.is_waiting:
            self._put_in_place(document)
            again = replace(
                document,
                revision=new_id(),
                status=DocumentStatus.QUEUED,
                progress=0.0,
                error=None,
            )
            if self._documents.replace(document, again):
                document = again
                self._watchers.tell(document)
            else:
                document = self._present(document.id)
        self._queue.add(document)
        return document

    def remove(self, document: Document) -> bool:
        """Remove every trace; False when the document was gone already.

        First nothing of it is searchable any more, and what indexes it comes to
        nothing. The record goes last: while it is there, a removal may be repeated.
        """
        is_removed = False
        while not is_removed:
            try:
                document, withdrawn = self._withdraw(document)
            except DocumentNotFound:
                return False
            try:
                self._knowledge.knowledge_changed(document.assistant_id)
                self._queue.remove(document.id)
                self._chunks.remove_for_document(document.id)
                # What is staged goes first: it is not put in its place any more then.
                self._files.discard(document.assistant_id, document.revision)
                self._files.remove(document.filepath)
                # Who has replaced it meanwhile has put bytes in its place again.
                is_removed = self._documents.remove_revision(withdrawn)
            finally:
                self._watchers.tell(document)
        return True

    def clear_up(self) -> None:
        """Finish, or mark as failed, what a crash left half done."""
        for assistant_id, name in self._files.staged_since(STALE):
            document = self._documents.find_by_revision(assistant_id, name)
            if document:
                self._finish_replacing(document)
            else:
                self._files.discard(assistant_id, name)
        since = self._now() - timedelta(seconds=STALE)
        for document in self._documents.list_unfinished(since=since):
            if self._files.is_staged(document.assistant_id, document.revision):
                continue  # put in its place when that has aged
            if self._files.is_there(document.filepath):
                self._queue.add(document)
            else:
                failed = replace(
                    document, status=DocumentStatus.FAILED, error=INTERRUPTED
                )
                if self._documents.replace(document, failed):
                    self._watchers.tell(failed)

    def _claim_place(self, document: Document, name: str) -> Document:
        """Add the record under the first free place on the disk."""
        taken: set[str] = set()
        for number in range(1, MOST_NAMESAKES):
            if place_key(document.filepath) not in taken:
                try:
                    self._documents.add(document)
                except DocumentExists:
                    if self._documents.find_by_filename(
                        document.assistant_id, document.filename
                    ):
                        raise
                    # Asked only now: it takes the longer the more there are.
                    paths = self._documents.filepaths(document.assistant_id)
                    taken = {place_key(path) for path in paths}
                except BaseException:
                    self._documents.remove(document.id)
                    raise
                else:
                    return document
            place = place_of(document.assistant_id, numbered_name(name, number + 1))
            document = replace(document, filepath=place)
        raise DocumentExists

    def _check_quota(self, document: Document) -> None:
        """Withdraw a record that was one too many. Raises DocumentQuotaExceeded."""
        try:
            self._quota.check_added(document.assistant_id)
        except BaseException:
            self._documents.remove(document.id)
            raise

    def _exchange(self, old: Document, new: Document) -> Document:
        """Write down a new revision, with what is searchable in the end."""
        while True:
            new = replace(
                new, indexed=old.indexed, embedded=old.embedded, chunks=old.chunks
            )
            if self._documents.replace(old, new):
                return new
            present = self._documents.get(old.id)
            if present is None or present.revision != old.revision:
                raise DocumentExists
            old = present  # it has just been indexed

    def _withdraw(self, document: Document) -> tuple[Document, Document]:
        """Take a document out of what is searchable, and from those who index it.

        Return it as it was, and as it is. Raises DocumentNotFound.
        """
        while True:
            withdrawn = replace(
                document,
                revision=new_id(),
                status=DocumentStatus.FAILED,
                error=INTERRUPTED,
                indexed=None,
                embedded=None,
                chunks=0,
            )
            if self._documents.replace(document, withdrawn):
                return document, withdrawn
            document = self._present(document.id)

    def _present(self, document_id: str) -> Document:
        document = self._documents.get(document_id)
        if document is None:
            raise DocumentNotFound
        return document

    def _finish_replacing(self, document: Document) -> None:
        """Do what follows a new revision; its staged file says that this is due."""
        self._put_in_place(document)
        self._queue.add(document)

    def _put_in_place(self, document: Document) -> None:
        with suppress(FileNotFoundError):  # somebody else was quicker
            self._files.commit(
                document.assistant_id, document.revision, document.filepath
            )


def place_of(assistant_id: str, name: str) -> str:
    """Return where a file of knowledge lies, relative to the documents folder."""
    return f"{assistant_id}/knowledge/{name}"
