"""The manuals as documents of one assistant per language, indexed by the product."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.admin import ADMIN, knowledge_of
from app.config import Settings
from app.models.assistant import Assistant
from app.models.document import Chunk, DocumentStatus, DocumentType
from app.models.evaluation import Case
from app.models.page import PageRequest
from app.repositories.chunks import ChunkRepository
from app.repositories.search_index import SearchIndex
from app.services.knowledge.evaluating import EvaluationService
from app.wiring import Services, build_services

BETWEEN_LOOKS = 0.5
QUOTA = 10_000


class NotIndexed(Exception):
    """A document has failed."""


@dataclass(frozen=True, slots=True)
class Library:
    """What is measured; ``chunks`` of each language are all that can be found."""

    evaluation: EvaluationService
    assistants: dict[str, Assistant]
    chunks: dict[str, list[Chunk]]

    def lacking(self, case: Case) -> bool:
        """Say whether no right passage of a case stands in these documents."""
        return not any(
            expected.is_in(chunk)
            for expected in case.expected
            for chunk in self.chunks[case.language]
        )


@contextmanager
def library_in(
    folder: Path, documents: Mapping[str, Path], embeddings: int
) -> Iterator[Library]:
    """Open the store in ``folder``, and fill it if it is new.

    ``embeddings`` is the port of what makes the vectors. Raises NotIndexed.
    """
    settings = Settings(
        _env_file=None,
        data_dir=folder / "data",
        documents_dir=folder / "documents",
        assistant_quota_files=QUOTA,
        embedding_model="spelling",
        embedding_base_url=f"http://127.0.0.1:{embeddings}/v1",
    )
    services = build_services(settings)
    try:
        assistants = _assistants(services)
        for language, files in documents.items():
            if language not in assistants:
                made = services.assistants.create(ADMIN, name=language).assistant
                _upload(services, made, files)
        services.workers.start(1)
        assistants = _assistants(services)
        index = SearchIndex(settings.data_dir / "search.sqlite3")
        for assistant in assistants.values():
            _wait(services, assistant, index)
        index.close()
        chunks = ChunkRepository(services.store.db)
        yield Library(
            services.evaluation,
            assistants,
            {
                language: [
                    chunk
                    for document in knowledge_of(services.documents, assistant.id)
                    for chunk in chunks.list_for_document(
                        document.id, str(document.indexed)
                    )
                ]
                for language, assistant in assistants.items()
            },
        )
    finally:
        services.close()


def _assistants(services: Services) -> dict[str, Assistant]:
    page = services.assistants.list_page(ADMIN, PageRequest())
    return {one.assistant.name: one.assistant for one in page.items}


def _upload(services: Services, assistant: Assistant, folder: Path) -> None:
    for file in sorted(folder.rglob("*.*")):
        services.documents.upload(
            ADMIN,
            assistant_id=assistant.id,
            document_type=DocumentType.RAG,
            filename=str(file.relative_to(folder)),
            data=file.read_bytes(),
        )


def _wait(services: Services, assistant: Assistant, index: SearchIndex) -> None:
    """Wait until all documents can be searched."""
    while True:
        documents = list(knowledge_of(services.documents, assistant.id))
        for document in documents:
            if document.status is DocumentStatus.FAILED:
                raise NotIndexed(f"{document.filename}: {document.error}")
        services.search.search(ADMIN, assistant.id, assistant.name, limit=1)
        wanted = {document.search_key for document in documents}
        waiting = any(document.is_waiting for document in documents)
        if not waiting and index.keys(assistant.id) == wanted:
            return
        time.sleep(BETWEEN_LOOKS)
