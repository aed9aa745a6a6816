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
from app.services.jobs import Jobs
from app.services.knowledge.document_watchers import DocumentWatchers
from app.services.knowledge.documents import DocumentService
from app.services.knowledge.embedding import Questions, SuspendedEmbedder
from app.services.knowledge.evaluating import EvaluationService
from app.services.knowledge.index_tending import IndexTending
from app.services.knowledge.indexing import Indexer, IndexingQueue
from app.services.knowledge.quotas import DocumentQuota
from app.services.knowledge.retrieval import RetrievalService
from app.services.knowledge.revisions import Revisions
from app.services.knowledge.vectorizing import Vectorizer, Vectors
from app.services.llm.breaker import Breaker
from app.services.llm.embeddings import OpenAIEmbedder
from app.services.prompts import PromptService
from app.wiring.evaluating import build_evaluation
from app.wiring.providers import make_embedder
from app.wiring.stores import Repositories


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The documents: stored, made searchable, searched."""

    documents: DocumentService
    evaluation: EvaluationService
    files: DocumentFiles
    indexer: Indexer
    prompts: PromptService
    retrieval: RetrievalService
    revisions: Revisions
    tending: IndexTending
    vectorizer: Vectorizer
    prepare: Callable[[], None]
    close: Callable[[], None]


def build_knowledge(
    settings: Settings,
    kept: Repositories,
    *,
    access: AccessService,
    jobs: Jobs,
    watchers: DocumentWatchers,
    stopping: threading.Event,
) -> Knowledge:
    files = DocumentFiles(settings.documents_dir)
    index = SearchIndex(settings.data_dir / "search.sqlite3")
    embedder = make_embedder(settings)
    questions = Questions(_suspended(embedder)) if embedder else None
    vectors = Vectors(chunks=kept.chunks, queue=jobs, model=settings.embedding_model)
    prompts = PromptService(
        assistants=kept.assistants,
        documents=kept.documents,
        files=files,
        watchers=watchers,
        now=now,
    )
    revisions = Revisions(
        documents=kept.documents,
        chunks=kept.chunks,
        files=files,
        knowledge=kept.assistants,
        quota=DocumentQuota(
            documents=kept.documents,
            files=settings.assistant_quota_files,
            megabytes=settings.assistant_quota_mb,
        ),
        queue=IndexingQueue(jobs),
        watchers=watchers,
        now=now,
    )
    retrieval = RetrievalService(
        chunks=kept.chunks, documents=kept.documents, index=index, questions=questions
    )

    def close() -> None:
        retrieval.sync.close()
        index.close()

    return Knowledge(
        documents=DocumentService(
            documents=kept.documents,
            revisions=revisions,
            files=files,
            prompts=prompts,
            access=access,
            max_upload_mb=settings.max_upload_mb,
            stopping=stopping,
            now=now,
        ),
        evaluation=build_evaluation(kept, index=index, questions=questions),
        files=files,
        indexer=Indexer(
            documents=kept.documents,
            chunks=kept.chunks,
            files=files,
            index=index,
            knowledge=kept.assistants,
            vectors=vectors,
            watchers=watchers,
            extract=partial(extract, limits=Limits()),
        ),
        prompts=prompts,
        retrieval=retrieval,
        revisions=revisions,
        tending=IndexTending(
            assistants=kept.assistants, index=index, retrieval=retrieval
        ),
        vectorizer=Vectorizer(
            documents=kept.documents,
            chunks=kept.chunks,
            vectors=vectors,
            embedder=_suspended(embedder) if embedder else None,
            index=index,
            knowledge=kept.assistants,
            watchers=watchers,
        ),
        prepare=embedder.prepare if embedder else lambda: None,
        close=close,
    )


def _suspended(embedder: OpenAIEmbedder) -> SuspendedEmbedder:
    return SuspendedEmbedder(embedder, Breaker())
