"""Searching the knowledge of many assistants: time, memory, and what is missed."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from app.models.assistant import Assistant
from app.models.search import Embedding
from app.repositories.assistants import AssistantRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.database import AnyDatabase
from app.repositories.documents import DocumentRepository
from app.repositories.search_index import SearchIndex
from app.services.knowledge.retrieval import RetrievalService
from benchmarks.knowledge_corpus import Corpus, Question, vectors_of
from benchmarks.knowledge_site import Site
from benchmarks.load import Client

T = TypeVar("T")
LIMIT = 10
AS_NEAR = 1e-6  # what 32-bit floats cannot tell apart


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of searches, in order.

    ``cpu`` is the processor time of one, of the process that searches.
    """

    all: list[float]
    cpu: float

    @property
    def p50(self) -> float:
        return statistics.median(self.all)

    @property
    def p95(self) -> float:
        return self.all[len(self.all) * 95 // 100]


class GivenQuestions:
    """Knows what questions mean without asking anybody."""

    def __init__(self, corpus: Corpus) -> None:
        self._meant = {each.text: each.embedding for each in corpus.questions}

    def embed(self, question: str) -> Embedding | None:
        return self._meant.get(question.strip())


class Searcher:
    """Searches in this process, as the server does in its own."""

    def __init__(
        self, db: AnyDatabase, index: SearchIndex, corpus: Corpus, *, fused: bool
    ) -> None:
        self._retrieval = RetrievalService(
            chunks=ChunkRepository(db),
            documents=DocumentRepository(db),
            index=index,
            questions=GivenQuestions(corpus) if fused else None,
        )
        assistants = AssistantRepository(db)
        self._assistants = [_found(assistants, name) for name in corpus.assistant_ids]

    def search(self, question: Question) -> None:
        assistant = self._assistants[question.assistant]
        if not self._retrieval.search(assistant, question.text, limit=LIMIT):
            raise LookupError(question.text)


def _found(assistants: AssistantRepository, assistant_id: str) -> Assistant:
    found = assistants.get(assistant_id)
    if found is None:
        raise LookupError(assistant_id)
    return found


def timed(search: Callable[[T], object], asked: Sequence[T]) -> Times:
    times = []
    cpu = time.process_time()
    for each in asked:
        began = time.perf_counter()
        search(each)
        times.append((time.perf_counter() - began) * 1000)
    cpu = time.process_time() - cpu
    return Times(sorted(times), cpu / len(asked) * 1000)


def over_http(site: Site, corpus: Corpus, asked: Sequence[Question]) -> Times:
    with Client(site.server.port) as client:

        def search(each: Question) -> None:
            name = corpus.assistant_ids[each.assistant]
            client.ask(site.search_request(name, each.text))

        before = site.server.cpu()
        times = timed(search, asked)
        spent = site.server.cpu().since(before)
    return replace(times, cpu=spent.per(len(asked)).total)


def recall(index: SearchIndex, corpus: Corpus, asked: Sequence[Question]) -> float:
    """Return the share of the ten nearest, by brute force, that the index names.

    One that is as near as the tenth counts too.
    """
    found = 0
    for each in asked:
        ids = corpus.chunk_ids[each.assistant]
        vectors = vectors_of(each.assistant, len(ids), corpus.dimensions)
        meant = np.frombuffer(each.embedding.vector, "<f4").astype(np.float64)
        alike = vectors.astype(np.float64) @ meant
        least = np.sort(alike)[-LIMIT] - AS_NEAR
        enough = {ids[at] for at in np.flatnonzero(alike >= least)}
        name = corpus.assistant_ids[each.assistant]
        near = index.nearest(name, each.embedding, limit=LIMIT)
        found += len(enough & {neighbour.chunk_id for neighbour in near})
    return found / (LIMIT * len(asked))
