"""Each repository on each backend; its fake, where there is one, among them."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import pytest

from app.repositories.api_keys import ApiKeyRepository
from app.repositories.assistants import AssistantRepository
from app.repositories.chat_entries import ChatEntryRepository
from app.repositories.chats import ChatRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.documents import DocumentRepository
from app.repositories.events import EventRepository
from app.repositories.jobs import JobRepository
from app.repositories.login_attempts import LoginAttemptRepository
from app.repositories.messages import MessageRepository
from app.repositories.outboxes import OutboxRepository
from app.repositories.processes import ProcessRepository
from app.repositories.sessions import SessionRepository
from app.repositories.tickets import TicketRepository
from app.repositories.usage import UsageRepository
from app.repositories.users import UserRepository
from tests.support.fake_console import (
    FakeApiKeys,
    FakeAssistants,
    FakeLoginAttempts,
    FakeUsers,
)
from tests.support.fake_documents import FakeChunks, FakeDocuments
from tests.support.fake_events import FakeEvents, FakeTickets
from tests.support.fake_jobs import FakeJobs
from tests.support.fakes import (
    FakeChats,
    FakeMessages,
    FakeOutboxes,
    FakeProcesses,
)
from tests.support.store_backends import BACKENDS, MakeDatabase

T = TypeVar("T")
WITH_FAKE = ["fake", *BACKENDS]
Made = Callable[[Callable[[Any], T]], T]


@pytest.fixture
def stored(backend: str, make_database: MakeDatabase) -> Made[Any]:
    """Return a function that makes a repository on the test's own database."""
    db = make_database(backend)

    def make(repository: Callable[[Any], T]) -> T:
        made = repository(db)
        getattr(made, "ensure_indexes", lambda: None)()
        return made

    return make


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _made(
    request: pytest.FixtureRequest,
    repository: Callable[[Any], T],
    fake: Callable[[], object],
) -> T:
    if request.param == "fake":
        return cast("T", fake())
    make_database = request.getfixturevalue("make_database")
    made = repository(make_database(request.param))
    getattr(made, "ensure_indexes", lambda: None)()
    return made


@pytest.fixture(params=WITH_FAKE)
def users(request: pytest.FixtureRequest) -> UserRepository:
    return _made(request, UserRepository, FakeUsers)


@pytest.fixture(params=WITH_FAKE)
def attempts(request: pytest.FixtureRequest) -> LoginAttemptRepository:
    return _made(request, LoginAttemptRepository, FakeLoginAttempts)


@pytest.fixture(params=WITH_FAKE)
def keys(request: pytest.FixtureRequest) -> ApiKeyRepository:
    return _made(request, ApiKeyRepository, FakeApiKeys)


@pytest.fixture(params=WITH_FAKE)
def assistants(request: pytest.FixtureRequest) -> AssistantRepository:
    return _made(request, AssistantRepository, FakeAssistants)


@pytest.fixture(params=WITH_FAKE)
def chats(request: pytest.FixtureRequest) -> ChatRepository:
    return _made(request, ChatRepository, FakeChats)


@pytest.fixture
def entries(chats: ChatRepository) -> ChatEntryRepository:
    """Return the entries of the same chats."""
    if isinstance(chats, FakeChats):
        return cast("ChatEntryRepository", chats)
    made = ChatEntryRepository(chats._chats.database)
    made.ensure_indexes()
    return made


@pytest.fixture
def stored_chats(stored: Made[ChatRepository]) -> ChatRepository:
    """Return chats without the fake, which cannot list them."""
    return stored(ChatRepository)


@pytest.fixture(params=WITH_FAKE)
def messages(request: pytest.FixtureRequest) -> MessageRepository:
    return _made(request, MessageRepository, FakeMessages)


@pytest.fixture
def stored_messages(stored: Made[MessageRepository]) -> MessageRepository:
    return stored(MessageRepository)


@pytest.fixture(params=WITH_FAKE)
def outboxes(request: pytest.FixtureRequest) -> OutboxRepository:
    return _made(request, OutboxRepository, FakeOutboxes)


@pytest.fixture(params=WITH_FAKE)
def documents(request: pytest.FixtureRequest) -> DocumentRepository:
    return _made(request, DocumentRepository, FakeDocuments)


@pytest.fixture(params=WITH_FAKE)
def chunks(request: pytest.FixtureRequest) -> ChunkRepository:
    return _made(request, ChunkRepository, FakeChunks)


@pytest.fixture(params=WITH_FAKE)
def jobs(request: pytest.FixtureRequest) -> JobRepository:
    return _made(request, JobRepository, FakeJobs)


@pytest.fixture(params=WITH_FAKE)
def events(request: pytest.FixtureRequest) -> EventRepository:
    return _made(request, EventRepository, FakeEvents)


@pytest.fixture
def stored_events(stored: Made[EventRepository]) -> EventRepository:
    return stored(EventRepository)


@pytest.fixture(params=WITH_FAKE)
def tickets(request: pytest.FixtureRequest) -> TicketRepository:
    return _made(request, TicketRepository, FakeTickets)


@pytest.fixture(params=WITH_FAKE)
def processes(request: pytest.FixtureRequest) -> ProcessRepository:
    return _made(request, ProcessRepository, FakeProcesses)


@pytest.fixture
def sessions(stored: Made[SessionRepository]) -> SessionRepository:
    return stored(SessionRepository)


@pytest.fixture
def usage(stored: Made[UsageRepository]) -> UsageRepository:
    return stored(UsageRepository)
