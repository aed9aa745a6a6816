import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.errors import ProviderUnavailable
from app.models.document import Chunk
from app.models.search import Embedding, Hit, Neighbour
from app.repositories.search_index import SearchIndex
from app.services.knowledge.embedding import Questions, SuspendedEmbedder
from app.services.knowledge.fusing import fused
from app.services.knowledge.retrieval import RetrievalService
from app.services.llm.breaker import Breaker
from app.services.llm.embeddings import normalized
from tests.support.knowledge import Library, assistant, chunk

MODEL = "test"


def embedding(*values: float, model: str = MODEL) -> Embedding:
    return Embedding(model, normalized(values))


def chunk_at(chunk_id: str, *values: float, model: str = MODEL) -> Chunk:
    return chunk(
        f"Text {chunk_id}.",
        chunk_id=chunk_id,
        embedding=embedding(*values, model=model),
    )


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    return SearchIndex(tmp_path / "search.sqlite3")


def ids(found: Sequence[Neighbour]) -> list[str]:
    return [each.chunk_id for each in found]


def test_the_nearest_chunks_come_first_with_their_cosine(index: SearchIndex) -> None:
    index.add("a1", "d:1", [chunk_at("far", 0, 1), chunk_at("near", 3, 3)])

    near, far = index.nearest("a1", embedding(1, 0), limit=5)

    assert (near.chunk_id, far.chunk_id) == ("near", "far")
    assert near.similarity == pytest.approx(math.sqrt(0.5))
    assert far.similarity == pytest.approx(0)
    assert ids(index.nearest("a1", embedding(1, 0), limit=1)) == ["near"]


def test_no_neighbour_is_missed(index: SearchIndex) -> None:
    chance = random.Random(1)
    vectors = {f"c{n}": [chance.gauss(0, 1) for _ in range(16)] for n in range(500)}
    index.add(
        "a1", "d:1", [chunk_at(name, *vector) for name, vector in vectors.items()]
    )
    asked = [chance.gauss(0, 1) for _ in range(16)]

    def cosine(name: str) -> float:
        vector = vectors[name]
        dot = sum(a * b for a, b in zip(vector, asked, strict=True))
        return dot / math.hypot(*vector)

    best = sorted(vectors, key=cosine, reverse=True)[:10]
    assert ids(index.nearest("a1", embedding(*asked), limit=10)) == best


def test_assistants_and_models_do_not_see_each_other(index: SearchIndex) -> None:
    index.add("a1", "d:1", [chunk_at("mine", 1, 0)])
    index.add("a2", "d:2", [chunk_at("theirs", 1, 0)])
    index.add("a1", "d:3", [chunk_at("older", 1, 0, model="old")])
    index.add("a1", "d:4", [chunk_at("longer", 1, 0, 0)])

    assert ids(index.nearest("a1", embedding(1, 0), limit=9)) == ["mine"]
    assert index.nearest("a3", embedding(1, 0), limit=9) == []
    assert index.nearest("a1", embedding(1, 0, model="new"), limit=9) == []


def test_what_is_replaced_or_removed_is_found_no_more(
    index: SearchIndex, tmp_path: Path
) -> None:
    other = SearchIndex(tmp_path / "search.sqlite3")
    index.add("a1", "d:1", [chunk_at("old", 1, 0)])
    assert ids(index.nearest("a1", embedding(1, 0), limit=9)) == ["old"]

    other.add("a1", "d:1", [chunk_at("new", 1, 0)])
    assert ids(index.nearest("a1", embedding(1, 0), limit=9)) == ["new"]
    other.remove("a1", ["d:1"])
    assert index.nearest("a1", embedding(1, 0), limit=9) == []


def test_a_file_made_anew_is_not_taken_for_the_one_before(
    index: SearchIndex, tmp_path: Path
) -> None:
    index.add("a1", "d:1", [chunk_at("old", 1, 0)])
    assert ids(index.nearest("a1", embedding(1, 0), limit=9)) == ["old"]
    for path in tmp_path.glob("search.sqlite3*"):
        path.unlink()

    index.add("a1", "d:1", [chunk_at("new", 1, 0)])

    assert ids(index.nearest("a1", embedding(1, 0), limit=9)) == ["new"]


@pytest.mark.parametrize("vector", [[], [0.0, 0.0], [math.nan], [math.inf, 1.0]])
def test_a_vector_without_a_direction_is_none(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="direction"):
        normalized(vector)


def test_what_words_and_meaning_both_find_comes_first() -> None:
    hits = [Hit("words", 9.0, 1.0, 0.9), Hit("both", 5.0, 0.5, 0.4)]
    near = [Neighbour("meaning", 0.8), Neighbour("both", 0.7)]

    both, *others = fused(hits, near)

    assert (both.chunk_id, both.lexical_rank, both.vector_rank) == ("both", 2, 2)
    assert both.score == pytest.approx(0.7)
    assert {each.chunk_id: each.score for each in others} == {
        "words": 0.9,
        "meaning": 0.8,
    }


class Scripted:
    """An embedder that knows some texts, or fails."""

    model = MODEL

    def __init__(self, **known: Sequence[float]) -> None:
        self.known = known
        self.asked: list[str] = []

    def embed(
        self, texts: Sequence[str], *, timeout: float = 30, patient: bool = True
    ) -> list[bytes]:
        assert not patient
        assert timeout <= 3
        self.asked += texts
        try:
            return [normalized(self.known[text.strip()]) for text in texts]
        except KeyError:
            raise ProviderUnavailable from None


def test_a_question_finds_what_it_means_in_other_words(index: SearchIndex) -> None:
    library = Library()
    key = library.put("We open at nine.")
    [known] = library.chunks.values()
    index.add("a1", key, [chunk(known.text, chunk_id=known.id, embedding=embedding(1))])
    embedder = Scripted(horário=[1.0])
    retrieval = RetrievalService(
        chunks=library,
        documents=library,
        index=index,
        questions=Questions(SuspendedEmbedder(embedder, Breaker())),
    )

    [passage] = retrieval.find(assistant(), "horário") or ()

    assert passage.chunk.text == "We open at nine."
    assert (passage.lexical_rank, passage.vector_rank) == (None, 1)
    assert passage.score == pytest.approx(1)


def test_words_alone_find_while_the_provider_fails_and_it_is_soon_left_alone(
    index: SearchIndex,
) -> None:
    library = Library()
    library.put("We open at nine.")
    embedder = Scripted()
    retrieval = RetrievalService(
        chunks=library,
        documents=library,
        index=index,
        questions=Questions(SuspendedEmbedder(embedder, Breaker(failures=2))),
    )

    for _ in range(4):
        [passage] = retrieval.find(assistant(), "open") or ()
        assert (passage.lexical_rank, passage.vector_rank) == (1, None)
    assert len(embedder.asked) == 2
