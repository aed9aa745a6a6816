from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError

from app.config import ConfigurationError, Settings
from app.errors import StoreUnavailable
from app.repositories.api_keys import ApiKeyRepository
from app.repositories.assistants import AssistantRepository
from app.repositories.chat_entries import ChatEntryRepository
from app.repositories.chats import ChatRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.database import (
    AnyDatabase,
    connect_embedded,
    connect_mongodb,
    together,
)
from app.repositories.documents import DocumentRepository
from app.repositories.events import EventRepository
from app.repositories.jobs import JobRepository
from app.repositories.login_attempts import LoginAttemptRepository
from app.repositories.messages import MessageRepository
from app.repositories.outboxes import OutboxRepository
from app.repositories.processes import ProcessRepository
from app.repositories.sessions import SessionRepository
from app.repositories.store_time import limit_store_time
from app.repositories.tickets import TicketRepository
from app.repositories.usage import UsageRepository
from app.repositories.users import UserRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """An open store; ``sweep`` removes what has expired, where nobody else does."""

    client: Any
    db: AnyDatabase
    name: str
    sweep: Callable[[], object]

    def ping(self) -> None:
        """Raises StoreUnavailable."""
        try:
            self.client.admin.command("ping")
        except PyMongoError as exc:
            raise StoreUnavailable from exc

    def limit_time(self, seconds: float | None) -> None:
        """Let what follows in this context spend so many seconds in the store.

        See ``store_time.StoreTime``; None: any number.
        """
        limit_store_time(seconds)

    def close(self) -> None:
        self.client.close()


class Repositories:
    """The repositories of a database."""

    def __init__(self, db: AnyDatabase) -> None:
        self._db = db
        self.users = UserRepository(db)
        self.sessions = SessionRepository(db)
        self.login_attempts = LoginAttemptRepository(db)
        self.assistants = AssistantRepository(db)
        self.api_keys = ApiKeyRepository(db)
        self.chats = ChatRepository(db)
        self.chat_entries = ChatEntryRepository(db)
        self.messages = MessageRepository(db)
        self.outboxes = OutboxRepository(db)
        self.documents = DocumentRepository(db)
        self.chunks = ChunkRepository(db)
        self.jobs = JobRepository(db)
        self.usage = UsageRepository(db)
        self.processes = ProcessRepository(db)
        self.events = EventRepository(db)
        self.tickets = TicketRepository(db)

    def together(self) -> AbstractContextManager[bool]:
        """Make one transaction of what is written in the block, where there are some.

        See ``database.together``.
        """
        return together(self._db)

    def ensure_indexes(self) -> None:
        """Raises StoreUnavailable."""
        for repository in (
            self.users,
            self.sessions,
            self.login_attempts,
            self.assistants,
            self.api_keys,
            self.chats,
            self.chat_entries,
            self.messages,
            self.outboxes,
            self.documents,
            self.chunks,
            self.jobs,
            self.usage,
            self.events,
            self.tickets,
        ):
            repository.ensure_indexes()


def open_store(settings: Settings) -> Store:
    """Open the store that the settings name. Raises ConfigurationError."""
    if settings.mongodb_uri is None:
        return _open_embedded(settings)
    try:
        client, db = connect_mongodb(settings.mongodb_uri.get_secret_value())
    except (PyMongoError, ValueError) as exc:
        raise ConfigurationError(f"MONGODB_URI: {type(exc).__name__}") from None
    return Store(client=client, db=db, name="MongoDB", sweep=lambda: None)


def _open_embedded(settings: Settings) -> Store:
    try:
        client, db = connect_embedded(settings.data_dir)
    except (PyMongoError, OSError) as exc:
        raise ConfigurationError(f"DATA_DIR: {exc}") from exc
    name = f"embedded, in {settings.data_dir}"
    return Store(client=client, db=db, name=name, sweep=client.sweep)
