import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.models.chat import Chat
from app.models.document import Document
from app.models.event import ChatEvent, DocumentsEvent, Event
from app.models.message import Message

KEPT = 64


class Chats(Protocol):
    def get(
        self, chat_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Chat | None: ...


class Messages(Protocol):
    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]: ...


class Documents(Protocol):
    def find_by_ids(
        self, assistant_id: str, ids: Collection[str]
    ) -> list[Document]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ChatContents:
    """A chat as it is now, and messages of it in their order."""

    chat: Chat
    messages: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class DocumentContents:
    """Documents as they are now, and the ids of those that are gone."""

    documents: tuple[Document, ...]
    gone: tuple[str, ...]


Contents = ChatContents | DocumentContents


@dataclass(kw_only=True, eq=False)
class _Read:
    event: Event
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False
    contents: Contents | None = None


class LiveContents:
    """Reads what events speak of, once for all who are told of the same event."""

    def __init__(
        self, *, chats: Chats, messages: Messages, documents: Documents
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._documents = documents
        self._lock = threading.Lock()
        self._latest: OrderedDict[int, _Read] = OrderedDict()

    def read(self, event: Event) -> Contents | None:
        """Return the contents; None when a chat is gone. Raises StoreUnavailable.

        What is told of later changes comes with events of their own, so an event is
        recognised by its identity.
        """
        with self._lock:
            read = self._latest.setdefault(id(event), _Read(event=event))
            if len(self._latest) > KEPT:
                self._latest.popitem(last=False)
        with read.lock:
            if not read.done:
                read.contents = (
                    self._read_chat(event)
                    if isinstance(event, ChatEvent)
                    else self._read_documents(event)
                )
                read.done = True
            return read.contents

    def _read_chat(self, event: ChatEvent) -> ChatContents | None:
        found = self._messages.find_by_ids(event.chat_id, event.message_ids)
        chat = self._chats.get(event.chat_id, assistant_ids=[event.assistant_id])
        if chat is None:
            return None
        ordered = sorted(found, key=lambda message: message.seq)
        return ChatContents(chat=chat, messages=tuple(ordered))

    def _read_documents(self, event: DocumentsEvent) -> DocumentContents:
        found = self._documents.find_by_ids(event.assistant_id, event.document_ids)
        present = {document.id: document for document in found}
        return DocumentContents(
            documents=tuple(
                present[name] for name in event.document_ids if name in present
            ),
            gone=tuple(name for name in event.document_ids if name not in present),
        )
