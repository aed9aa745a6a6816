"""What an assistant's documents say about a question."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from app.errors import StorageFull, StoreUnavailable
from app.models.assistant import Assistant
from app.models.document import Chunk, Passage
from app.models.search import Embedding, Hit, Neighbour
from app.models.words import content_words, points_back
from app.services.knowledge.fusing import Found, fused
from app.services.knowledge.index_sync import IndexSync

log = logging.getLogger(__name__)

_FEW_WORDS = 2
"""Content words up to which a message may be a follow-up ("And to Manaus?")."""

_HELP = 0.4
"""Weight of what the conversation found, against the question's own finds."""

_EARLIER = 3
"""Earlier messages looked at for one with content words."""

_READ = 4_000
"""Characters of a message that are searched: the rest is a pasted page."""

_LOOKS = 3
"""Searches at the most, while documents are replaced meanwhile."""

_SPARE = 2
"""Hits asked for, per passage wanted: some may be gone, help may reorder them."""


class Chunks(Protocol):
    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]: ...
    def find_by_ids(
        self, assistant_id: str, ids: Sequence[str]
    ) -> dict[str, Chunk]: ...


class Documents(Protocol):
    def ready_keys(self, assistant_id: str) -> set[str]: ...
    def obsolete_keys(self, keys: Collection[str]) -> set[str]: ...
    def searchable_revisions(self, document_ids: Collection[str]) -> dict[str, str]: ...


class Index(Protocol):
    """Searchable chunks by assistant and a document's ``search_key``."""

    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None: ...
    def remove(self, assistant_id: str, keys: Collection[str]) -> None: ...
    def keys(self, assistant_id: str) -> set[str]: ...
    def search(self, assistant_id: str, query: str, *, limit: int) -> list[Hit]: ...
    def nearest(
        self, assistant_id: str, asked: Embedding, *, limit: int
    ) -> list[Neighbour]: ...


class Questions(Protocol):
    """Makes vectors of questions."""

    def embed(self, question: str) -> Embedding | None: ...


class RetrievalService:
    """Finds passages.

    The store is the truth. The index is compared with it when an assistant's
    knowledge has another version than this process saw last, at the process's
    first search of it, and when a search finds nothing. What the index has of a
    document that has changed since is not found.
    """

    def __init__(
        self,
        *,
        chunks: Chunks,
        documents: Documents,
        index: Index,
        questions: Questions | None = None,
    ) -> None:
        self._questions = questions
        self._chunks = chunks
        self._documents = documents
        self._index = index
        self.sync = IndexSync(chunks=chunks, documents=documents, index=index)

    def find(
        self, assistant: Assistant, question: str, *, earlier: Sequence[str] = ()
    ) -> tuple[Passage, ...] | None:
        """Return the best passages that reach ``min_score``, best first.

        ``earlier`` are the contact's messages before the question, latest first. None
        when it cannot be told what the documents say, and the chat goes on: there are
        none, or the index cannot be used. Raises StoreUnavailable when the store
        itself cannot be read.
        """
        most = assistant.retrieval.passages
        least = assistant.retrieval.min_score or 0.0

        def look() -> list[Found] | None:
            found = self._found(assistant, question, earlier, most * _SPARE)
            return found and [each for each in found if each.score >= least]

        return self._current(assistant, look, most)

    def search(
        self, assistant: Assistant, query: str, *, limit: int
    ) -> tuple[Passage, ...]:
        """Return the best passages for a question that stands alone, best first.

        However low their scores are. Raises StoreUnavailable.
        """
        found = self._current(
            assistant,
            lambda: self._found(assistant, query, (), limit * _SPARE),
            limit,
        )
        return found or ()

    def _current(
        self, assistant: Assistant, look: Callable[[], list[Found] | None], most: int
    ) -> tuple[Passage, ...] | None:
        """Return passages of what is searchable now.

        Where documents have just been replaced, it is looked up again.
        """
        passages: tuple[Passage, ...] = ()
        for _ in range(_LOOKS):
            found = look()
            if not found:
                return () if found is not None and self._is_told(assistant) else None
            passages = self._passages(assistant.id, found, most)
            if len(passages) == min(len(found), most):
                break
            self._sync(assistant, again=True)
        return passages or None

    def _found(
        self,
        assistant: Assistant,
        question: str,
        earlier: Sequence[str],
        limit: int,
    ) -> list[Found] | None:
        """Return what is found, None when that cannot be told."""
        self._sync(assistant)
        if self.sync.documents(assistant.id, assistant.knowledge_version) == 0:
            return None
        found = self._search(assistant.id, question, earlier, limit)
        if not found and self._sync(assistant, again=True):
            found = self._search(assistant.id, question, earlier, limit)
        return found if found or self._is_told(assistant) else None

    def _passages(
        self, assistant_id: str, found: Sequence[Found], most: int
    ) -> tuple[Passage, ...]:
        """Return the first that are searchable now.

        Where some are gone all are read, at once: passages that are looked at one
        after the other could be of two revisions of a document.
        """
        passages = self._read(assistant_id, found[:most])
        if len(passages) < min(len(found), most):
            passages = self._read(assistant_id, found)[:most]
        return passages

    def _read(self, assistant_id: str, found: Sequence[Found]) -> tuple[Passage, ...]:
        ids = [each.chunk_id for each in found]
        chunks = self._chunks.find_by_ids(assistant_id, ids)
        # Afterwards: of what is searchable then, no chunk had been removed before.
        searchable = self._documents.searchable_revisions(
            {chunk.document_id for chunk in chunks.values()}
        )
        chunks = {
            name: chunk
            for name, chunk in chunks.items()
            if searchable.get(chunk.document_id) == chunk.revision
        }
        return tuple(
            Passage(
                chunk=chunks[each.chunk_id],
                score=each.score,
                coverage=each.coverage,
                bm25=each.bm25,
                lexical_rank=each.lexical_rank,
                vector_rank=each.vector_rank,
            )
            for each in found
            if each.chunk_id in chunks
        )

    def remove_for_assistant(self, assistant_id: str) -> None:
        """Forget an assistant that is deleted."""
        self.sync.forget(assistant_id)
        try:
            self._index.remove(assistant_id, self._index.keys(assistant_id))
        except (StorageFull, StoreUnavailable):
            log.warning("search index not cleared", exc_info=True)

    def _search(
        self, assistant_id: str, question: str, earlier: Sequence[str], limit: int
    ) -> list[Found] | None:
        """Search by words and, where questions have vectors, by meaning.

        None when the index cannot be used.
        """
        question = question[:_READ]
        before = (said[:_READ] for said in earlier[:_EARLIER])
        context = next((said for said in before if content_words(said)), "")
        short = len(content_words(question)) <= _FEW_WORDS
        try:
            hits = self._by_words(assistant_id, question, context, limit)
            near = self._by_meaning(
                assistant_id,
                f"{context} {question}" if short or points_back(question) else question,
                limit,
            )
        except (StorageFull, StoreUnavailable):
            log.warning("search index not usable", exc_info=True)
            return None
        return fused(hits, near)[:limit]

    def _by_words(
        self, assistant_id: str, question: str, context: str, limit: int
    ) -> list[Hit]:
        """Search a question, with the conversation's help if it needs that.

        Without content words it is about the message before. With one or two, or
        when it points back, it may be a follow-up: its own finds weigh more.
        """
        own = len(content_words(question))

        def search(query: str) -> list[Hit]:
            return self._index.search(assistant_id, query, limit=limit)

        if not own:
            return search(f"{context} {question}")
        hits = search(question)
        whole = own > _FEW_WORDS or (own > 1 and any(hit.coverage == 1 for hit in hits))
        if not context or (whole and not points_back(question)):
            return hits
        return _blended(hits, search(context))[:limit]

    def _by_meaning(
        self, assistant_id: str, question: str, limit: int
    ) -> list[Neighbour]:
        asked = self._questions.embed(question) if self._questions else None
        if asked is None:
            return []
        return self._index.nearest(assistant_id, asked, limit=limit)

    def _sync(self, assistant: Assistant, *, again: bool = False) -> bool:
        return self.sync.bring(assistant.id, assistant.knowledge_version, again=again)

    def _is_told(self, assistant: Assistant) -> bool:
        """Say whether the index is known to hold documents, and all of them."""
        return bool(self.sync.documents(assistant.id, assistant.knowledge_version))


def _blended(hits: Sequence[Hit], helped: Sequence[Hit]) -> list[Hit]:
    """Join what a follow-up found with what the message before it finds.

    The coverage stays the follow-up's own: when it asks about something that no
    document has, the conversation does not make up for it.
    """
    found = {hit.chunk_id: hit for hit in hits}
    for help_ in helped:
        own = found.get(help_.chunk_id, Hit(help_.chunk_id, 0.0, 0.0, 0.0))
        score = own.score + _HELP * help_.score
        found[help_.chunk_id] = replace(own, score=score)
    return sorted(found.values(), key=lambda hit: (-hit.score, hit.chunk_id))
