import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from app.config import Settings
from app.errors import StoreUnavailable
from app.models.ids import new_id
from app.repositories.database import now
from app.repositories.files import DocumentFiles
from app.repositories.process_locks import ProcessLocks
from app.repositories.search_index import SearchIndex
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.assistants import AssistantService
from app.services.auth import AuthService
from app.services.chats import ChatService
from app.services.documents import DocumentService
from app.services.intake import Intake
from app.services.keyring import Keyring
from app.services.llm.port import Provider
from app.services.login_limits import LoginLimits
from app.services.passwords import PasswordHasher
from app.services.presence import Presence
from app.services.prompts import PromptService
from app.services.recovery import Recovery
from app.services.repetitions import Repetitions
from app.services.responding import Responder
from app.services.retrieval import RetrievalService
from app.services.revisions import Revisions
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue
from app.services.turn_slots import TurnSlots
from app.services.turns import TurnService
from app.services.upkeep import Upkeep
from app.services.usage import UsageService
from app.wiring.keys import open_keyring, plain
from app.wiring.providers import describe_provider, make_provider
from app.wiring.stores import Repositories, Store, open_store

log = logging.getLogger(__name__)

LATE_TURNS_AT_ONCE = 8
LOGINS_WAITING = 1 / 16  # of the request threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes and commands work with.

    ``is_idle`` tells whether no turn runs or waits here; ``close`` ends it all in
    order.
    """

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
    store: Store
    is_idle: Callable[[], bool]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turns:
    """The parts of the turn, which know each other."""

    intake: Intake
    turns: TurnService
    queue: TurnQueue
    recovery: Recovery
    late: ThreadPoolExecutor


def build_services(settings: Settings) -> Services:
    """Open the store and connect everything; nothing runs by itself yet.

    Raises ConfigurationError.
    """
    keyring = open_keyring(settings)
    store = open_store(settings)
    kept = Repositories(store.db)
    try:
        kept.ensure_indexes()
    except StoreUnavailable:
        log.warning("the store is not available; indexes are made when it is")
    files = DocumentFiles(settings.documents_dir)
    index = SearchIndex(settings.data_dir / "search.sqlite3")
    slots = TurnSlots(configured_threads=settings.threads)
    locks = ProcessLocks(settings.data_dir / "processes")
    presence = Presence(process=new_id(), processes=kept.processes, locks=locks)
    access = AccessService(assistants=kept.assistants)
    api_keys = ApiKeyService(keys=kept.api_keys, keyring=keyring, now=now)
    retrieval = RetrievalService(
        chunks=kept.chunks, documents=kept.documents, index=index
    )
    prompts = PromptService(
        assistants=kept.assistants, documents=kept.documents, files=files, now=now
    )
    provider = make_provider(settings)
    turning = _build_turns(settings, kept, presence, retrieval, provider)
    assistants = AssistantService(
        assistants=kept.assistants,
        users=kept.users,
        access=access,
        keys=api_keys,
        prompts=prompts,
        belongings=(
            kept.api_keys,
            kept.chats,
            kept.messages,
            kept.documents,
            kept.chunks,
            files,
            retrieval,
        ),
        now=now,
    )
    revisions = Revisions(
        documents=kept.documents,
        chunks=kept.chunks,
        files=files,
        knowledge=kept.assistants,
        now=now,
    )
    documents = DocumentService(
        documents=kept.documents,
        revisions=revisions,
        files=files,
        prompts=prompts,
        access=access,
        max_upload_mb=settings.max_upload_mb,
        quota_mb=settings.assistant_quota_mb,
        now=now,
    )
    upkeep = Upkeep(
        presence=presence,
        prepare=kept.ensure_indexes,
        often=(turning.recovery.clear_up, turning.queue.look_after_late),
        seldom=(
            store.sweep,
            prompts.finish_pending,
            revisions.clear_up,
            assistants.finish_deletions,
        ),
    )

    def close() -> None:
        turning.late.shutdown(wait=True)
        upkeep.stop()
        store.close()
        locks.release()

    return Services(
        auth=_build_auth(settings, kept, keyring, slots),
        api_keys=api_keys,
        assistants=assistants,
        chats=ChatService(
            chats=kept.chats, messages=kept.messages, access=access, now=now
        ),
        documents=documents,
        intake=turning.intake,
        keyring=keyring,
        turns=turning.turns,
        turn_slots=slots,
        upkeep=upkeep,
        usage=UsageService(usage=kept.usage, access=access),
        provider=provider,
        provider_name=describe_provider(settings),
        store=store,
        is_idle=lambda: slots.is_idle() and turning.queue.is_idle(),
        close=close,
    )


def _build_auth(
    settings: Settings, kept: Repositories, keyring: Keyring, slots: TurnSlots
) -> AuthService:
    return AuthService(
        users=kept.users,
        sessions=kept.sessions,
        passwords=PasswordHasher(waiting=lambda: int(slots.threads() * LOGINS_WAITING)),
        limits=LoginLimits(
            attempts=kept.login_attempts, digest=keyring.digest, now=now
        ),
        setup_token=plain(settings.setup_token) or keyring.setup_token(),
        trust_loopback=settings.setup_token is None,
        registration_open=settings.registration == "open",
        session_life=timedelta(days=settings.refresh_token_days),
        now=now,
    )


def _build_turns(
    settings: Settings,
    kept: Repositories,
    presence: Presence,
    retrieval: RetrievalService,
    provider: Provider,
) -> _Turns:
    queue = TurnQueue(chats=kept.chats)
    timeline = Timeline(messages=kept.messages, usage=kept.usage)
    responder = Responder(
        messages=kept.messages,
        retrieval=retrieval,
        provider=provider,
        default_model=settings.openai_model,
        context_tokens=settings.model_context_tokens,
        timeout=settings.turn_timeout_seconds,
    )
    turns = TurnService(
        chats=kept.chats,
        messages=kept.messages,
        queue=queue,
        timeline=timeline,
        now=now,
        responder=responder,
    )
    late = ThreadPoolExecutor(LATE_TURNS_AT_ONCE, thread_name_prefix="late-turn")

    def run_late(turn: Turn) -> None:
        try:
            late.submit(turns.finish, turn)
        except RuntimeError:  # shutting down: the next process ends it
            log.warning("late turn left behind", extra={"turn_id": turn.id})

    queue.run_late = run_late
    return _Turns(
        intake=Intake(
            process=presence.process,
            assistants=kept.assistants,
            chats=kept.chats,
            messages=kept.messages,
            repetitions=Repetitions(messages=kept.messages, now=now),
            queue=queue,
            now=now,
        ),
        turns=turns,
        queue=queue,
        recovery=Recovery(
            chats=kept.chats,
            messages=kept.messages,
            assistants=kept.assistants,
            timeline=timeline,
            queue=queue,
            presence=presence,
        ),
        late=late,
    )
