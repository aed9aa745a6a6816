"""The services of knowledge and prompts on fakes, with files on a disk."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.models.document import Document, DocumentType
from app.models.user import User, UserRole
from app.repositories.files import DocumentFiles
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.assistants import AssistantService
from app.services.documents import DocumentService
from app.services.keyring import Keyring
from app.services.people import PeopleService
from app.services.prompts import PromptService
from app.services.revisions import STALE, Revisions
from tests.support.conversation import Clock
from tests.support.fake_console import (
    FakeApiKeys,
    FakeAssistants,
    FakeUsers,
)
from tests.support.fake_documents import FakeChunks, FakeDocuments
from tests.support.fakes import FakeChats, FakeMessages
from tests.support.faults import Plan, faulty
from tests.support.made import assistant, user

OWNER = user(id="owner", email="owner@example.com")
STRANGER = user(id="stranger", email="stranger@example.com")
ADMIN = user(id="admin", email="admin@example.com", role=UserRole.ADMIN)


class FakeOutbox:
    """Who delivers in whose place."""

    def __init__(self) -> None:
        self.moved: list[tuple[str, str, str]] = []

    def reassign(self, assistant_id: str, from_key: str, to_key: str) -> None:
        self.moved.append((assistant_id, from_key, to_key))


class Library:
    """A store with its services; ``services`` opens it again, as a new process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.assistants = FakeAssistants(
            assistant(id="a1"), assistant(id="a2", owner_id="stranger")
        )
        self.users = FakeUsers(OWNER, STRANGER, ADMIN)
        self.keys, self.outbox = FakeApiKeys(), FakeOutbox()
        self.chats, self.messages = FakeChats(), FakeMessages()
        self.documents, self.chunks = FakeDocuments(), FakeChunks()
        self.files = DocumentFiles(root)

    def services(self, plan: Plan | None = None) -> "Services":
        return Services(self, plan or Plan())

    def found(self) -> dict[str, bytes]:
        """Return every file below the root, staged ones too."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def grow_old(self) -> None:
        """Let so much time pass that nobody is at work on an upload any more."""
        self.clock.wall += timedelta(seconds=STALE + 1)
        for path in self.root.rglob("*"):
            then = path.stat().st_mtime - STALE - 1
            os.utime(path, (then, then))


class Services:
    def __init__(self, library: Library, plan: Plan) -> None:
        self.now = now = library.clock.now
        assistants = faulty(library.assistants, plan)
        documents, chunks = (
            faulty(library.documents, plan),
            faulty(library.chunks, plan),
        )
        files = faulty(library.files, plan)
        chats, messages = faulty(library.chats, plan), faulty(library.messages, plan)
        access = AccessService(assistants=assistants)
        keys = ApiKeyService(
            keys=faulty(library.keys, plan),
            outbox=faulty(library.outbox, plan),
            keyring=Keyring(current="a secret of the tests, long enough"),
            now=now,
        )
        self.keys = keys
        self.prompts = PromptService(
            assistants=assistants, documents=documents, files=files, now=now
        )
        self.revisions = Revisions(
            documents=documents,
            chunks=chunks,
            files=files,
            knowledge=assistants,
            now=now,
        )
        self.documents = DocumentService(
            documents=documents,
            revisions=self.revisions,
            files=files,
            prompts=self.prompts,
            access=access,
            max_upload_mb=1,
            quota_mb=2,
            now=now,
        )
        self.assistants = AssistantService(
            assistants=assistants,
            access=access,
            people=PeopleService(users=faulty(library.users, plan)),
            keys=keys,
            prompts=self.prompts,
            belongings=(keys, chats, messages, documents, chunks, files),
            now=now,
        )

    def upload(
        self,
        data: bytes = b"Open from nine to five.",
        *,
        caller: User = OWNER,
        **fields: Any,
    ) -> Document:
        usual: dict[str, Any] = {
            "assistant_id": "a1",
            "document_type": DocumentType.RAG,
            "filename": "hours.md",
        }
        return self.documents.upload(caller, data=data, **(usual | fields))
