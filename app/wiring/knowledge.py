import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.config import Settings
from app.extraction.child import extract
from app.extraction.limits import Limits
from app.repositories.database import now
from app.repositories.files import DocumentFiles
from app.repositories.search_index import SearchIndex
from app.services.access import AccessService
from app.services.documents import DocumentService
from app.services.embedding import Embedder, Questions
from app.services.indexing import Indexer, IndexingQueue
from app.services.jobs import Jobs
from app.services.llm.breaker import Breaker
from app.services.prompts import PromptService
from app.services.retrieval import RetrievalService
from app.services.revisions import Revisions
from app.wiring.providers import make_embedder
from app.wiring.stores import Repositories


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The documents: stored, made searchable, searched."""

    documents: DocumentService
    files: DocumentFiles
    indexer: Indexer
    prompts: PromptService
    retrieval: RetrievalService
    revisions: Revisions
    close: Callable[[], None]


def build_knowledge(
    settings: Settings,
    kept: Repositories,
    *,
    access: AccessService,
    jobs: Jobs,
    stopping: threading.Event,
) -> Knowledge:
    files = DocumentFiles(settings.documents_dir)
    index = SearchIndex(settings.data_dir / "search.sqlite3")
    embedder = make_embedder(settings)
    prompts = PromptService(
        assistants=kept.assistants, documents=kept.documents, files=files, now=now
    )
    revisions = Revisions(
        documents=kept.documents,
        chunks=kept.chunks,
        files=files,
        knowledge=kept.assistants,
        queue=IndexingQueue(jobs),
        now=now,
    )
    return Knowledge(
        documents=DocumentService(
            documents=kept.documents,
            revisions=revisions,
            files=files,
            prompts=prompts,
            access=access,
            max_upload_mb=settings.max_upload_mb,
            quota_mb=settings.assistant_quota_mb,
            stopping=stopping,
            now=now,
        ),
        files=files,
        indexer=Indexer(
            documents=kept.documents,
            chunks=kept.chunks,
            files=files,
            index=index,
            knowledge=kept.assistants,
            extract=partial(extract, limits=Limits()),
        ),
        prompts=prompts,
        retrieval=RetrievalService(
            chunks=kept.chunks,
            documents=kept.documents,
            index=index,
            questions=_questions(embedder),
        ),
        revisions=revisions,
        close=index.close,
    )


def _questions(embedder: Embedder | None) -> Questions | None:
    return Questions(embedder=embedder, breaker=Breaker()) if embedder else None
