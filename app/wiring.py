"""The one place where services meet repositories and clients."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from pymongo.errors import PyMongoError

from app.config import ConfigurationError, Settings
from app.errors import StoreUnavailable
from app.models.ids import new_id
from app.repositories.api_keys import ApiKeyRepository
from app.repositories.assistants import AssistantRepository
from app.repositories.chats import ChatRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.database import (
    AnyDatabase,
    connect_embedded,
    connect_mongodb,
    now,
)
from app.repositories.documents import DocumentRepository
from app.repositories.files import DocumentFiles
from app.repositories.login_attempts import LoginAttemptRepository
from app.repositories.messages import MessageRepository
from app.repositories.process_locks import ProcessLocks
from app.repositories.processes import ProcessRepository
from app.repositories.search_index import SearchIndex
from app.repositories.secret_file import kept_secret
from app.repositories.sessions import SessionRepository
from app.repositories.usage import UsageRepository
from app.repositories.users import UserRepository
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.assistants import AssistantService
from app.services.auth import AuthService
from app.services.chats import ChatService
from app.services.documents import DocumentService
from app.services.intake import Intake
from app.services.keyring import SHORTEST_SECRET, Keyring
from app.services.llm.offline import OfflineProvider
from app.services.llm.openai import OpenAIProvider
from app.services.llm.port import Provider
from app.services.login_limits import LoginLimits
from app.services.passwords import PasswordHasher
from app.services.presence import Presence
from app.services.prompts import PromptService
from app.services.recovery import Recovery
from app.services.repetitions import Repetitions
from app.services.retrieval import RetrievalService
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue
from app.services.turn_slots import TurnSlots
from app.services.turns import TurnService
from app.services.upkeep import Upkeep
from app.services.usage import UsageService

log = logging.getLogger(__name__)

LATE_TURNS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes and commands work with; ``close`` ends it all in order."""

    auth: AuthService
    api_keys: ApiKeyService
    assistants: AssistantService
    chats: ChatService
    documents: DocumentService
    intake: Intake
    keyring: Keyring
    turns: TurnService
    turn_slots: TurnSlots
    upkeep: Upkeep
    usage: UsageService
    provider: Provider
    provider_name: str
    store_name: str
    ping_store: Callable[[], None]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store:
    client: Any
    db: AnyDatabase
    name: str
    sweep: Callable[[], object]


def build_services(settings: Settings) -> Services:
    """Open the store and connect everything; nothing runs by itself yet.

    Raises ConfigurationError.
    """
    keyring = _keyring(settings)
    store = _open_store(settings)
    db, process = store.db, new_id()

    users = UserRepository(db)
    sessions = SessionRepository(db)
    attempts = LoginAttemptRepository(db)
    assistants = AssistantRepository(db)
    keys = ApiKeyRepository(db)
    chats = ChatRepository(db)
    messages = MessageRepository(db)
    documents = DocumentRepository(db)
    chunks = ChunkRepository(db)
    usage = UsageRepository(db)
    files = DocumentFiles(settings.documents_dir)
    index = SearchIndex(settings.data_dir / "search.sqlite3")
    indexed = (
        users,
        sessions,
        attempts,
        assistants,
        keys,
        chats,
        messages,
        documents,
        chunks,
        usage,
    )

    slots = TurnSlots(configured_threads=settings.threads)
    access = AccessService(assistants=assistants)
    api_keys = ApiKeyService(keys=keys, keyring=keyring, now=now)
    prompts = PromptService(
        assistants=assistants, documents=documents, files=files, now=now
    )
    retrieval = RetrievalService(chunks=chunks, documents=documents, index=index)
    locks = ProcessLocks(settings.data_dir / "processes")
    presence = Presence(process=process, processes=ProcessRepository(db), locks=locks)
    queue = TurnQueue(chats=chats)
    timeline = Timeline(messages=messages, usage=usage)
    provider = _provider(settings)
    turns = TurnService(
        chats=chats,
        messages=messages,
        queue=queue,
        timeline=timeline,
        retrieval=retrieval,
        provider=provider,
        default_model=settings.openai_model,
        context_tokens=settings.model_context_tokens,
        timeout=settings.turn_timeout_seconds,
        now=now,
    )
    late = ThreadPoolExecutor(LATE_TURNS_AT_ONCE, thread_name_prefix="late-turn")

    def run_late(turn: Turn) -> None:
        late.submit(turns.finish, turn)

    queue.run_late = run_late
    recovery = Recovery(
        chats=chats,
        messages=messages,
        assistants=assistants,
        timeline=timeline,
        queue=queue,
        presence=presence,
    )
    assistant_service = AssistantService(
        assistants=assistants,
        users=users,
        access=access,
        keys=api_keys,
        prompts=prompts,
        belongings=(keys, chats, messages, documents, chunks, files, retrieval),
        now=now,
    )
    document_service = DocumentService(
        documents=documents,
        chunks=chunks,
        files=files,
        knowledge=assistants,
        prompts=prompts,
        access=access,
        max_upload_mb=settings.max_upload_mb,
        quota_mb=settings.assistant_quota_mb,
        now=now,
    )

    def ensure_indexes() -> None:
        for repository in indexed:
            repository.ensure_indexes()

    try:
        ensure_indexes()
    except StoreUnavailable:
        log.warning("the store is not available; indexes are made when it is")

    upkeep = Upkeep(
        presence=presence,
        prepare=ensure_indexes,
        often=(recovery.clear_up, queue.look_after_late),
        seldom=(
            store.sweep,
            prompts.finish_pending,
            document_service.clear_up,
            assistant_service.finish_deletions,
        ),
    )

    def ping_store() -> None:
        try:
            store.client.admin.command("ping")
        except PyMongoError as exc:
            raise StoreUnavailable from exc

    def close() -> None:
        late.shutdown(wait=True)
        upkeep.stop()
        store.client.close()
        locks.release()

    return Services(
        auth=AuthService(
            users=users,
            sessions=sessions,
            passwords=PasswordHasher(waiting=lambda: slots.threads() // 16),
            limits=LoginLimits(attempts=attempts, digest=keyring.digest, now=now),
            setup_token=_plain(settings.setup_token) or keyring.setup_token(),
            trust_loopback=settings.setup_token is None,
            registration_open=settings.registration == "open",
            session_life=timedelta(days=settings.refresh_token_days),
            now=now,
        ),
        api_keys=api_keys,
        assistants=assistant_service,
        chats=ChatService(chats=chats, messages=messages, access=access, now=now),
        documents=document_service,
        intake=Intake(
            process=process,
            assistants=assistants,
            chats=chats,
            messages=messages,
            repetitions=Repetitions(messages=messages, now=now),
            queue=queue,
            now=now,
        ),
        keyring=keyring,
        turns=turns,
        turn_slots=slots,
        upkeep=upkeep,
        usage=UsageService(usage=usage, access=access),
        provider=provider,
        provider_name=_provider_name(settings),
        store_name=store.name,
        ping_store=ping_store,
        close=close,
    )


def _open_store(settings: Settings) -> _Store:
    if settings.mongodb_uri is None:
        embedded, db = connect_embedded(settings.data_dir)
        name = f"embedded in {settings.data_dir}"
        return _Store(client=embedded, db=db, name=name, sweep=embedded.sweep)
    try:
        client, db = connect_mongodb(settings.mongodb_uri.get_secret_value())
    except PyMongoError as exc:
        raise ConfigurationError(f"MONGODB_URI: {type(exc).__name__}") from None
    return _Store(client=client, db=db, name="MongoDB", sweep=lambda: None)


def _keyring(settings: Settings) -> Keyring:
    current = _plain(settings.secret_key)
    if current is None:
        if settings.mongodb_uri is not None:
            raise ConfigurationError("SECRET_KEY: required with MONGODB_URI")
        current = kept_secret(settings.data_dir)
    previous = _plain(settings.secret_key_previous)
    for name, secret in (("SECRET_KEY", current), ("SECRET_KEY_PREVIOUS", previous)):
        if secret is not None and len(secret.encode()) < SHORTEST_SECRET:
            raise ConfigurationError(f"{name}: shorter than {SHORTEST_SECRET} bytes")
    return Keyring(current=current, previous=previous)


def _provider(settings: Settings) -> Provider:
    if settings.provider == "offline":
        return OfflineProvider()
    return OpenAIProvider(
        api_key=_plain(settings.openai_api_key), base_url=settings.openai_base_url
    )


def _provider_name(settings: Settings) -> str:
    if settings.provider == "offline":
        return "offline"
    return f"openai ({settings.openai_model})"


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
