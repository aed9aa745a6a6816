"""The services of knowledge and prompts on fakes, with files on a disk."""

import os
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.extraction.extract import Extract
from app.extraction.reading import read_document
from app.models.document import Chunk, Document, DocumentType
from app.models.job import Job, JobState
from app.models.user import User, UserRole
from app.repositories.files import DocumentFiles
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.assistants import AssistantService
from app.services.keyring import Keyring
from app.services.knowledge.documents import DocumentService
from app.services.knowledge.indexing import Indexer, OnProgress
from app.services.knowledge.quotas import DocumentQuota
from app.services.knowledge.revisions import STALE, Revisions
from app.services.knowledge.vectorizing import Vectors
from app.services.people import PeopleService
from app.services.portability.exporting import ExportService
from app.services.portability.importing import ImportService
from app.services.prompts import PromptService
from tests.support.conversation import Clock
from tests.support.fake_console import (
    FakeApiKeys,
    FakeAssistants,
    FakeUsers,
)
from tests.support.fake_documents import FakeChunks, FakeDocuments
from tests.support.fake_watchers import FakeWatchers
from tests.support.fakes import FakeChats, FakeMessages
from tests.support.faults import Plan, faulty
from tests.support.made import assistant, job, user

OWNER = user(id="owner", email="owner@example.com")
STRANGER = user(id="stranger", email="stranger@example.com")
ADMIN = user(id="admin", email="admin@example.com", role=UserRole.ADMIN)


class FakeOutbox:
    """Who delivers in whose place."""

    def __init__(self) -> None:
        self.moved: list[tuple[str, str, str]] = []

    def reassign(self, assistant_id: str, from_key: str, to_key: str) -> None:
        self.moved.append((assistant_id, from_key, to_key))


class FakeQueue:
    """Which revisions of documents wait to be indexed, as their jobs' ids."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}

    def add(self, document: Document) -> None:
        self.waiting[f"index:{document.id}:{document.revision}"] = document.id

    def remove(self, document_id: str) -> None:
        self.waiting = {k: d for k, d in self.waiting.items() if d != document_id}


class NoQueue:
    """Where nothing waits for vectors."""

    def enqueue(self, kind: str, subject: str, **_: str) -> None:
        raise AssertionError(kind, subject)


class FakeIndex:
    def __init__(self) -> None:
        self.keys: dict[str, list[str]] = {}

    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None:
        self.keys[f"{assistant_id}/{key}"] = [chunk.text for chunk in chunks]


class Reader:
    """Reads documents in this process."""

    def read(self, path: Path, extension: str, *, on_progress: OnProgress) -> Extract:
        return read_document(
            path.read_bytes(), extension, most=1_000_000, on_progress=on_progress
        )


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
        self.queue, self.index = FakeQueue(), FakeIndex()
        self.watchers = FakeWatchers(self.documents)
        self.vectors = Vectors(chunks=self.chunks, queue=NoQueue(), model=None)

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


def job_of(document: Document) -> Job:
    """Return the job that indexes a revision of a document, as a worker has it."""
    return index_job(document.id, document.revision)


def only(library: Library) -> Document:
    """Return the document, where there is one."""
    [document] = library.documents.all()
    return document


def indexer(library: Library, **other: Any) -> Indexer:
    """Return an indexer that has other collaborators than usual."""
    usual: dict[str, Any] = {
        "documents": library.documents,
        "chunks": library.chunks,
        "files": library.files,
        "index": library.index,
        "knowledge": library.assistants,
        "vectors": library.vectors,
        "watchers": library.watchers,
        "extract": Reader().read,
    }
    return Indexer(**(usual | other))


def index_job(document_id: str, revision: str) -> Job:
    return job(
        id=f"index:{document_id}:{revision}",
        subject=document_id,
        revision=revision,
        state=JobState.RUNNING,
        process="p1",
        attempts=1,
    )


class Services:
    def __init__(self, library: Library, plan: Plan) -> None:
        self.library = library
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
            assistants=assistants,
            documents=documents,
            files=files,
            watchers=library.watchers,
            now=now,
        )
        self.revisions = Revisions(
            documents=documents,
            chunks=chunks,
            files=files,
            knowledge=assistants,
            quota=DocumentQuota(documents=documents, files=3, megabytes=2),
            queue=faulty(library.queue, plan),
            watchers=library.watchers,
            now=now,
        )
        self.indexer = Indexer(
            documents=documents,
            chunks=chunks,
            files=files,
            index=faulty(library.index, plan),
            knowledge=assistants,
            vectors=library.vectors,
            watchers=library.watchers,
            extract=faulty(Reader(), plan).read,
        )
        self.documents = DocumentService(
            documents=documents,
            revisions=self.revisions,
            files=files,
            prompts=self.prompts,
            access=access,
            max_upload_mb=1,
            stopping=threading.Event(),
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
        self.exports = ExportService(documents=documents, files=files, access=access)
        self.imports = ImportService(
            assistants=self.assistants,
            uploads=self.documents,
            max_upload_mb=1,
            quota_mb=2,
            quota_files=3,
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

    def index(self) -> None:
        """Do what waits to be indexed, as a worker does."""
        waiting = self.library.queue.waiting
        for job_id, document_id in list(waiting.items()):
            revision = job_id.rpartition(":")[2]
            self.indexer.run(index_job(document_id, revision), lambda: False)
            waiting.pop(job_id, None)

    def upload_and_index(self, data: bytes, **fields: Any) -> Document:
        made = self.upload(data, **fields)
        self.index()
        return self.documents.get(ADMIN, made.id)
