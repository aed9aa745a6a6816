"""Documents in memory, to search and to answer from."""

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.extraction.extract import Extract
from app.models.assistant import Assistant, Retrieval
from app.models.document import Chunk, Passage, search_key
from app.models.language import detect_language
from app.services.citations import CitedAnswer
from app.services.knowledge.retrieval import RetrievalService
from app.services.knowledge.splitting import split
from app.services.llm.offline import OfflineProvider
from app.services.llm.port import Completion, CompletionRequest, PromptMessage

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def assistant(*, version: int = 1, retrieval: Retrieval | None = None) -> Assistant:
    return Assistant(
        id="a1",
        name="Vale",
        owner_id="u1",
        company=None,
        instructions="",
        model=None,
        temperature=None,
        max_tokens=None,
        retrieval=retrieval or Retrieval(),
        knowledge_version=version,
        created_at=NOW,
        updated_at=NOW,
    )


def chunk(text: str, *, chunk_id: str = "c1", **other: object) -> Chunk:
    fields = {
        "assistant_id": "a1",
        "document_id": "d1",
        "revision": "r1",
        "position": 0,
        "filename": "notes.md",
        "heading": None,
        "start": 0,
        "language": "en",
    }
    return Chunk(id=chunk_id, text=text, **(fields | other))  # type: ignore[arg-type]


def passage(
    text: str, *, score: float = 1.0, coverage: float = 1.0, **other: object
) -> Passage:
    found = chunk(text, **other)  # type: ignore[arg-type]
    return Passage(chunk=found, score=score, coverage=coverage, bm25=score)


class Library:
    """A store's documents and chunks, as the retrieval service asks for them."""

    def __init__(self) -> None:
        self.chunks: dict[str, Chunk] = {}
        self.ready: set[str] = set()
        self.coming: set[str] = set()
        self.comparisons = 0

    def put(
        self,
        text: str,
        *,
        filename: str = "notes.md",
        assistant_id: str = "a1",
        document_id: str | None = None,
        revision: str = "r1",
    ) -> str:
        """Add a document and return its key."""
        document_id = document_id or filename
        self.remove(document_id)
        for position, piece in enumerate(split(Extract(text, markdown=True))):
            found = Chunk(
                id=f"{document_id}-{revision}-{position}",
                assistant_id=assistant_id,
                document_id=document_id,
                revision=revision,
                position=position,
                filename=filename,
                heading=piece.heading,
                start=piece.start,
                language=detect_language(text),
                text=piece.text,
            )
            self.chunks[found.id] = found
        key = search_key(document_id, revision, None)
        self.ready.add(key)
        return key

    def remove(self, document_id: str) -> None:
        self.ready = {k for k in self.ready if not k.startswith(f"{document_id}:")}
        self.chunks = {
            k: c for k, c in self.chunks.items() if c.document_id != document_id
        }

    def obsolete_keys(self, keys: Collection[str]) -> set[str]:
        return set(keys) - self.ready - self.coming

    def ready_keys(self, assistant_id: str) -> set[str]:
        self.comparisons += 1
        mine = {
            search_key(c.document_id, c.revision, None)
            for c in self.chunks.values()
            if c.assistant_id == assistant_id
        }
        return self.ready & mine

    def searchable_revisions(self, document_ids: Collection[str]) -> dict[str, str]:
        parts = (key.split(":") for key in self.ready)
        return {name: revision for name, revision, _ in parts if name in document_ids}

    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
        return [
            c
            for c in self.chunks.values()
            if (c.document_id, c.revision) == (document_id, revision)
        ]

    def find_by_ids(self, assistant_id: str, ids: Sequence[str]) -> dict[str, Chunk]:
        return {
            found.id: found
            for found in map(self.chunks.get, ids)
            if found and found.assistant_id == assistant_id
        }


class Shop:
    """The example's assistant: asked, it answers without a model."""

    def __init__(self, retrieval: RetrievalService) -> None:
        self._retrieval = retrieval
        self._provider = OfflineProvider()
        self.assistant = assistant()

    def passages(
        self, question: str, earlier: Sequence[str] = ()
    ) -> tuple[Passage, ...]:
        """``earlier`` messages come latest first."""
        found = self._retrieval.find(self.assistant, question, earlier=earlier)
        return found or ()

    def ask(self, question: str, earlier: Sequence[str] = ()) -> CitedAnswer:
        passages = self.passages(question, earlier)
        answer = CitedAnswer(question, passages)
        asked = request(question, passages, earlier)
        for event in self._provider.complete(asked):
            if not isinstance(event, Completion):
                answer.add(event.text)
        answer.finish()
        return answer


def request(
    question: str,
    passages: Sequence[Passage] = (),
    earlier: Sequence[str] = (),
    *,
    instructions: str = "",
) -> CompletionRequest:
    said = [*reversed(earlier), question]
    return CompletionRequest(
        model="offline",
        messages=tuple(PromptMessage(role="user", text=text) for text in said),
        temperature=None,
        max_tokens=None,
        deadline=time.monotonic() + 10,
        assistant_name="Vale",
        instructions=instructions,
        question=question,
        passages=tuple(passages),
    )
