import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.errors import AssistantNotFound, DocumentExists
from app.models.assistant import Assistant
from app.models.document import Document, DocumentStatus, DocumentType
from app.models.ids import new_id

DEFAULT_FILENAME = "prompt.txt"
EXTENSIONS = ("txt", "md")


class Assistants(Protocol):
    def get(self, assistant_id: str) -> Assistant | None: ...
    def set_instructions(
        self, assistant_id: str, text: str, *, filename: str, now: datetime
    ) -> Assistant | None: ...
    def prompt_written(
        self, assistant_id: str, *, filename: str, text: str
    ) -> None: ...
    def with_prompt_pending(self) -> list[tuple[Assistant, str]]: ...


class Documents(Protocol):
    def find_prompt(self, assistant_id: str) -> Document | None: ...
    def add(self, document: Document) -> None: ...
    def replace(self, old: Document, new: Document) -> bool: ...
    def remove(self, document_id: str) -> bool: ...


class Files(Protocol):
    def stage(self, assistant_id: str, name: str, data: bytes) -> None: ...
    def commit(self, assistant_id: str, name: str, filepath: str) -> None: ...
    def remove(self, filepath: str) -> None: ...


class Watchers(Protocol):
    def tell(self, document: Document) -> None: ...


class PromptService:
    """An assistant's instructions and its prompt document: the same thing.

    The instructions are the truth; the document's record and its file follow, and
    are marked as pending until they do.
    """

    def __init__(
        self,
        *,
        assistants: Assistants,
        documents: Documents,
        files: Files,
        watchers: Watchers,
        now: Callable[[], datetime],
    ) -> None:
        self._assistants = assistants
        self._documents = documents
        self._files = files
        self._watchers = watchers
        self._now = now

    def set(
        self, assistant_id: str, text: str, *, filename: str | None = None
    ) -> Assistant:
        """Make ``text`` the prompt; ``filename`` as sent, None to keep the present.

        Raises AssistantNotFound, StorageFull.
        """
        if filename is None:
            present = self._documents.find_prompt(assistant_id)
            filename = present.filename if present else DEFAULT_FILENAME
        assistant = self._assistants.set_instructions(
            assistant_id, text, filename=filename, now=self._now()
        )
        if assistant is None:
            raise AssistantNotFound
        self.write(assistant, filename)
        return assistant

    def write(self, assistant: Assistant, filename: str) -> None:
        """Make the file and the record say what the instructions say.

        Of two who write at the same time, each looks again afterwards: whoever
        wrote last has seen the latest instructions.
        """
        self._write(assistant, filename)
        while current := self._assistants.get(assistant.id):
            if current.instructions == assistant.instructions:
                return
            assistant = current
            document = self._documents.find_prompt(assistant.id)
            self._write(assistant, document.filename if document else filename)

    def _write(self, assistant: Assistant, filename: str) -> None:
        data = assistant.instructions.encode()
        old = self._documents.find_prompt(assistant.id)
        unused = {_place(assistant.id, extension) for extension in EXTENSIONS}
        if data:
            document = self._document(assistant, filename, data, old)
            staged = new_id()
            self._files.stage(assistant.id, staged, data)
            self._files.commit(assistant.id, staged, document.filepath)
            self._record(old, document)
            self._watchers.tell(document)
            unused.remove(document.filepath)
        elif old:
            self._documents.remove(old.id)
            self._watchers.tell(old)
        for filepath in unused:
            self._files.remove(filepath)
        self._assistants.prompt_written(
            assistant.id, filename=filename, text=assistant.instructions
        )

    def finish_pending(self) -> None:
        """Write what a crash left unwritten."""
        for assistant, filename in self._assistants.with_prompt_pending():
            self.write(assistant, filename)

    def _record(self, old: Document | None, document: Document) -> None:
        if old and self._documents.replace(old, document):
            return
        try:
            self._documents.add(document)
        except DocumentExists:
            # Somebody else is writing this prompt: their mark is still pending,
            # and the later of us two leaves the record behind.
            return

    def _document(
        self, assistant: Assistant, filename: str, data: bytes, old: Document | None
    ) -> Document:
        extension = "md" if filename.casefold().endswith(".md") else "txt"
        made = Document(
            id=new_id(),
            assistant_id=assistant.id,
            type=DocumentType.PROMPT,
            filename=filename,
            filepath=_place(assistant.id, extension),
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            revision=new_id(),
            status=DocumentStatus.READY,
            progress=1.0,
            error=None,
            chunks=0,
            created_at=self._now(),
        )
        return replace(made, id=old.id, created_at=old.created_at) if old else made


def _place(assistant_id: str, extension: str) -> str:
    return f"{assistant_id}/prompt.{extension}"
