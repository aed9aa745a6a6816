"""The driver's errors end in the repositories."""

import contextlib
import fcntl
import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from app.errors import AppError, StorageFull, StoreUnavailable
from app.models.chat import ChatFilter, ChatStatus
from app.models.document import DocumentFilter
from app.models.login import FailedLogin
from app.models.message import Inbound, MessageStatus
from app.models.page import PageRequest
from app.models.search import Embedding
from app.models.user import Session
from app.repositories.api_keys import ApiKeyRepository
from app.repositories.assistants import AssistantRepository
from app.repositories.chats import ChatRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.database import connect_embedded, connect_mongodb
from app.repositories.documents import DocumentRepository
from app.repositories.failures import store_errors_translated
from app.repositories.login_attempts import LoginAttemptRepository
from app.repositories.messages import MessageRepository
from app.repositories.processes import ProcessRepository
from app.repositories.sessions import SessionRepository
from app.repositories.usage import UsageRepository
from app.repositories.users import UserRepository
from tests.servers import mongo_wire
from tests.support import made
from tests.support.made import NOW

REPOSITORIES = [
    ApiKeyRepository,
    AssistantRepository,
    ChatRepository,
    ChunkRepository,
    DocumentRepository,
    LoginAttemptRepository,
    MessageRepository,
    ProcessRepository,
    SessionRepository,
    UsageRepository,
    UserRepository,
]
RETRYABLE = {"errorLabels": ["RetryableWriteError"]}


@store_errors_translated
class Repository:
    def __init__(self, error: PyMongoError) -> None:
        self._error = error

    def use(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionFailure("gone"), StoreUnavailable),
        (AutoReconnect("gone"), StoreUnavailable),
        (NetworkTimeout("slow"), StoreUnavailable),
        (ServerSelectionTimeoutError("none"), StoreUnavailable),
        (ExecutionTimeout("slow", 50), StoreUnavailable),
        (WTimeoutError("slow", 64), StoreUnavailable),
        (OperationFailure("not primary", 10107, RETRYABLE), StoreUnavailable),
        (OperationFailure("no space", 14031), StorageFull),
    ],
)
def test_what_fails_in_the_store_becomes_ours(
    error: PyMongoError, expected: type[AppError]
) -> None:
    with pytest.raises(expected) as caught:
        Repository(error).use()

    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [OperationFailure("a bug of ours", 2), DuplicateKeyError("twice", 11000)]
)
def test_a_bug_stays_what_it_is(error: PyMongoError) -> None:
    with pytest.raises(type(error)):
        Repository(error).use()


def _public(repository: type) -> list[str]:
    return [
        name
        for name, member in vars(repository).items()
        if callable(member) and not name.startswith("_")
    ]


class _Broken:
    """A database on which every operation fails."""

    def __getitem__(self, _name: str) -> "_Broken":
        return self

    def with_options(self, **_options: Any) -> "_Broken":
        return self

    def __getattr__(self, name: str) -> Any:
        def fail(*_args: Any, **_kwargs: Any) -> Any:
            raise AutoReconnect(name)

        return fail


@pytest.mark.parametrize(
    ("repository", "method"),
    [(repository, name) for repository in REPOSITORIES for name in _public(repository)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_no_public_method_lets_the_drivers_error_through(
    repository: Callable[[Any], Any], method: str
) -> None:
    call = getattr(repository(_Broken()), method)
    given = {
        name: _argument(repository, name)
        for name, parameter in inspect.signature(call).parameters.items()
        if parameter.default is parameter.empty
    }

    with pytest.raises(StoreUnavailable):
        call(**given)


def _argument(repository: object, name: str) -> Any:
    """Return something that a parameter of this name takes."""
    document = made.document()
    session = Session(
        id="s1", user_id="u1", refresh_id="r1", created_at=NOW, expires_at=NOW
    )
    of_all: dict[str, Any] = {
        "answer": made.message(in_reply_to="m1"),
        "assistant": made.assistant(),
        "assistant_ids": ["a1"],
        "attempt": FailedLogin(id="f1", account="ana", at=NOW),
        "changes": {},
        "channel": made.CHANNEL,
        "chat": made.chat(),
        "chosen": ChatFilter(),
        "chunks": [made.chunk()],
        "created_at": NOW,
        "document": document,
        "embeddings": {"c1": Embedding("m1", b"\0\0\x80?")},
        "entry": made.usage_entry(),
        "inbound": Inbound(idempotency_key="k", channel_message="w", fingerprint="f"),
        "key": made.api_key(),
        "message": made.message(),
        "new": made.api_key(),
        "new_status": ChatStatus.BOT,
        "now": NOW,
        "old": made.api_key(),
        "outcome": made.outcome(),
        "request": PageRequest(),
        "session": session,
        "seq": 1,
        "since": NOW,
        "status": MessageStatus.HUMAN,
        "turn": made.queued(),
        "user": made.user(),
    }
    of_documents = {"old": document, "new": document, "chosen": DocumentFilter()}
    own = of_documents if repository is DocumentRepository else {}
    return (of_all | own).get(name, "something")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[UserRepository]:
    client, db = connect_embedded(tmp_path)
    users = UserRepository(db)
    users.ensure_indexes()
    yield users
    client.close()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the store's lock, as a process does that hangs while it writes."""
    with (folder / "store.sqlite3.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_locked_store_is_unavailable_soon_and_then_works_again(
    embedded: UserRepository, tmp_path: Path
) -> None:
    ana = made.user()
    with locked(tmp_path):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            embedded.add(ana)
        took = time.monotonic() - started
        assert embedded.get(ana.id) is None

    assert took < 3
    assert caught.value.retry_after == 3
    embedded.add(ana)
    assert embedded.get(ana.id) == ana


def test_a_mongodb_that_is_not_there_is_unavailable_soon() -> None:
    client, db = connect_mongodb("mongodb://127.0.0.1:9/")
    with client:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            UserRepository(db).any()

    assert time.monotonic() - started < 3.5


def test_a_mongodb_that_dies_is_unavailable_and_works_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    try:
        server = mongo_wire.start(file=str(tmp_path / "wire"))
    except mongo_wire.CannotStart as reason:
        pytest.skip(str(reason))
    ana = made.user()
    client, db = connect_mongodb(server.uri)
    with client:
        users = UserRepository(db)
        users.add(ana)
        server.kill()
        with pytest.raises(StoreUnavailable):
            users.get(ana.id)
        back = mongo_wire.start(port=server.port)
        try:
            assert users.get("nobody") is None
        finally:
            back.stop()
