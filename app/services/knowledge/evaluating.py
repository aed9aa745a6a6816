"""Retrieval, measured on questions whose right passages are known."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from app.models.assistant import Assistant
from app.models.document import Chunk, Passage
from app.models.evaluation import Case, Outcome
from app.models.search import Embedding, Hit, Neighbour
from app.services.knowledge.retrieval import Index


class Retrieval(Protocol):
    def find(
        self, assistant: Assistant, question: str, *, earlier: Sequence[str] = ()
    ) -> tuple[Passage, ...] | None: ...


class EvaluationService:
    """Asks an assistant's documents many questions, as a chat would.

    ``searches`` are the ways to search, by name; the last is the one of answers.
    """

    def __init__(self, searches: Mapping[str, Retrieval]) -> None:
        self._searches = searches

    @property
    def searches(self) -> tuple[str, ...]:
        return tuple(self._searches)

    def run(
        self, search: str, assistant: Assistant, cases: Iterable[Case], *, depth: int
    ) -> list[Outcome]:
        """Return the ``depth`` best passages for each. Raises StoreUnavailable."""
        settings = replace(assistant.retrieval, passages=depth, min_score=None)
        asked = replace(assistant, retrieval=settings)
        return [_asked(self._searches[search], asked, case) for case in cases]


class IndexOfMeaning:
    """An index in which words find nothing."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None:
        self._index.add(assistant_id, key, chunks)

    def remove(self, assistant_id: str, keys: Collection[str]) -> None:
        self._index.remove(assistant_id, keys)

    def keys(self, assistant_id: str) -> set[str]:
        return self._index.keys(assistant_id)

    def search(
        self,
        assistant_id: str,  # noqa: ARG002
        query: str,  # noqa: ARG002
        *,
        limit: int,  # noqa: ARG002
    ) -> list[Hit]:
        return []

    def nearest(
        self, assistant_id: str, asked: Embedding, *, limit: int
    ) -> list[Neighbour]:
        return self._index.nearest(assistant_id, asked, limit=limit)


def _asked(search: Retrieval, assistant: Assistant, case: Case) -> Outcome:
    began = time.perf_counter()
    found = search.find(assistant, case.question, earlier=case.after[::-1])
    return Outcome(case, found or (), time.perf_counter() - began)
