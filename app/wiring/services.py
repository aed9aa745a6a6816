import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.config import Settings
from app.errors import StoreUnavailable
from app.models.ids import new_id
from app.repositories.database import now
from app.repositories.process_locks import ProcessLocks
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.assistants import AssistantService
from app.services.attendance import AttendanceService
from app.services.auth import AuthService
from app.services.chats import ChatService
from app.services.event_log import EventLog
from app.services.intake import Intake
from app.services.jobs import Jobs
from app.services.keyring import Keyring
from app.services.knowledge.batches import BatchService
from app.services.knowledge.document_watchers import DocumentWatchers
from app.services.knowledge.documents import DocumentService
from app.services.knowledge.evaluating import EvaluationService
from app.services.knowledge.indexing import INDEX
from app.services.knowledge.pages import PageService
from app.services.knowledge.searching import SearchService
from app.services.knowledge.vectorizing import VECTORIZE
from app.services.live import LiveService
from app.services.live_contents import LiveContents
from app.services.outbox import OutboxService
from app.services.people import PeopleService
from app.services.portability.exporting import ExportService
from app.services.portability.importing import ImportService
from app.services.presence import Presence
from app.services.thread_shares import (
    RequestThreads,
    ThreadShare,
    fetch_share,
    stream_share,
    turn_share,
)
from app.services.tickets import TicketService
from app.services.turns import TurnService
from app.services.upkeep import Upkeep
from app.services.usage import UsageService
from app.services.users import UserService
from app.services.workers import Handler, Workers
from app.wiring.fetching import build_fetcher
from app.wiring.keys import open_keyring
from app.wiring.knowledge import build_knowledge
from app.wiring.providers import describe_provider, make_provider
from app.wiring.signing_in import build_auth
from app.wiring.stores import Repositories, Store, open_store
from app.wiring.turning import build_turning
from app.wiring.working import build_working

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes and commands work with.

    ``stopping`` is set when the server is told to end: streams and long polls end
    then. ``is_idle`` tells whether no turn runs or waits here. ``prepare`` loads
    beforehand what is slow to load; ``close`` ends it all in order.
    """

    auth: AuthService
    api_keys: ApiKeyService
    assistants: AssistantService
    attendance: AttendanceService
    batches: BatchService
    chats: ChatService
    documents: DocumentService
    evaluation: EvaluationService
    event_log: EventLog
    exports: ExportService
    imports: ImportService
    intake: Intake
    jobs: Jobs
    keyring: Keyring
    live: LiveService
    outbox: OutboxService
    pages: PageService
    search: SearchService
    tickets: TicketService
    turns: TurnService
    request_threads: RequestThreads
    turn_slots: ThreadShare
    stream_slots: ThreadShare
    fetch_slots: ThreadShare
    stopping: threading.Event
    upkeep: Upkeep
    usage: UsageService
    users: UserService
    workers: Workers
    prepare: tuple[Callable[[], None], ...]
    provider_name: str
    store: Store
    is_idle: Callable[[], bool]
    close: Callable[[], None]


def build_services(settings: Settings) -> Services:
    """Open the store and connect everything; nothing runs by itself yet.

    Raises ConfigurationError.
    """
    keyring = open_keyring(settings)
    fetcher = build_fetcher(settings)
    store = open_store(settings)
    kept = Repositories(store.db)
    try:
        kept.ensure_indexes()
    except StoreUnavailable:
        log.warning("the store is not available; indexes are made when it is")
    threads = RequestThreads(configured=settings.threads)
    turn_slots = ThreadShare(most=lambda: turn_share(threads.count()))
    stream_slots = ThreadShare(most=lambda: stream_share(threads.count()))
    stopping = threading.Event()
    locks = ProcessLocks(settings.data_dir / "processes")
    presence = Presence(process=new_id(), processes=kept.processes, locks=locks)
    event_log = EventLog(process=presence.process, events=kept.events, now=now)
    watchers = DocumentWatchers(events=event_log)
    access = AccessService(assistants=kept.assistants)
    auth = build_auth(settings, kept, keyring, threads)
    handlers: dict[str, Handler] = {}
    working = build_working(
        kept, presence=presence, handlers=handlers, stopping=stopping
    )
    knowledge = build_knowledge(
        settings,
        kept,
        access=access,
        jobs=working.jobs,
        watchers=watchers,
        stopping=stopping,
    )
    handlers[INDEX] = knowledge.indexer
    handlers[VECTORIZE] = knowledge.vectorizer
    provider = make_provider(settings)
    turning = build_turning(
        settings,
        kept,
        presence=presence,
        retrieval=knowledge.retrieval,
        provider=provider,
        events=event_log,
    )
    chats = ChatService(chats=kept.chats, messages=kept.messages, access=access)
    outbox = OutboxService(
        messages=kept.messages,
        chats=kept.chats,
        entries=kept.chat_entries,
        outboxes=kept.outboxes,
        keys=kept.api_keys,
        events=event_log,
        stopping=stopping,
        now=now,
    )
    api_keys = ApiKeyService(
        keys=kept.api_keys, outbox=outbox, keyring=keyring, now=now
    )
    assistants = AssistantService(
        assistants=kept.assistants,
        access=access,
        people=PeopleService(users=kept.users),
        keys=api_keys,
        prompts=knowledge.prompts,
        belongings=(
            kept.api_keys,
            kept.chats,
            kept.messages,
            kept.outboxes,
            kept.documents,
            kept.jobs,
            kept.chunks,
            knowledge.files,
            knowledge.retrieval,
        ),
        now=now,
    )
    upkeep = Upkeep(
        presence=presence,
        prepare=kept.ensure_indexes,
        often=(
            turning.recovery.clear_up,
            working.jobs.adopt_orphans,
            knowledge.tending.tend,
            turning.queue.look_after_late,
            turning.return_timer.look,
        ),
        seldom=(
            store.sweep,
            event_log.tend,
            outbox.reassign_forsaken,
            knowledge.prompts.finish_pending,
            knowledge.revisions.clear_up,
            working.jobs.warn_if_neglected,
            assistants.finish_deletions,
        ),
    )

    def close() -> None:
        working.workers.close()
        turning.late.shutdown(wait=True)
        upkeep.stop()
        watchers.flush()
        event_log.close()
        knowledge.close()
        store.close()
        locks.release()

    return Services(
        auth=auth,
        api_keys=api_keys,
        assistants=assistants,
        attendance=AttendanceService(
            chats=chats,
            entries=turning.entries,
            access=access,
            users=kept.users,
            turns=turning.queue,
        ),
        batches=BatchService(uploads=knowledge.documents, access=access),
        chats=chats,
        documents=knowledge.documents,
        evaluation=knowledge.evaluation,
        event_log=event_log,
        intake=turning.intake,
        jobs=working.jobs,
        keyring=keyring,
        live=LiveService(
            auth=auth,
            access=access,
            chats=chats,
            events=event_log,
            contents=LiveContents(
                chats=kept.chats, messages=kept.messages, documents=kept.documents
            ),
            stopping=stopping,
        ),
        outbox=outbox,
        pages=PageService(
            documents=kept.documents,
            uploads=knowledge.documents,
            fetcher=fetcher,
            access=access,
            max_upload_mb=settings.max_upload_mb,
        ),
        exports=ExportService(
            documents=kept.documents, files=knowledge.files, access=access
        ),
        imports=ImportService(
            assistants=assistants,
            uploads=knowledge.documents,
            max_upload_mb=settings.max_upload_mb,
            quota_mb=settings.assistant_quota_mb,
            quota_files=settings.assistant_quota_files,
        ),
        search=SearchService(access=access, retrieval=knowledge.retrieval),
        tickets=TicketService(tickets=kept.tickets, keyring=keyring, now=now),
        turns=turning.turns,
        request_threads=threads,
        turn_slots=turn_slots,
        stream_slots=stream_slots,
        fetch_slots=ThreadShare(most=lambda: fetch_share(threads.count())),
        stopping=stopping,
        upkeep=upkeep,
        usage=UsageService(usage=kept.usage, access=access),
        users=UserService(users=kept.users, sessions=kept.sessions, auth=auth, now=now),
        workers=working.workers,
        prepare=(provider.prepare, knowledge.prepare),
        provider_name=describe_provider(settings),
        store=store,
        is_idle=lambda: turn_slots.is_idle() and turning.queue.is_idle(),
        close=close,
    )
