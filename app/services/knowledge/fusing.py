"""One list of what words found and of what meaning found."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.models.search import Hit, Neighbour

_RANKS = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk, and what found it; ``score`` and the ranks are those of a Passage."""

    chunk_id: str
    score: float
    coverage: float
    bm25: float
    lexical_rank: int | None
    vector_rank: int | None

    @property
    def weight(self) -> float:
        ranks = (self.lexical_rank, self.vector_rank)
        return sum(1 / (_RANKS + rank) for rank in ranks if rank)


def fused(hits: Sequence[Hit], near: Sequence[Neighbour]) -> list[Found]:
    """Join both, best first: what both found, and what stands high in either."""
    by_words = {hit.chunk_id: (rank, hit) for rank, hit in enumerate(hits, 1)}
    by_meaning = {each.chunk_id: (rank, each) for rank, each in enumerate(near, 1)}
    found = []
    for chunk_id in by_words | by_meaning:
        lexical, hit = by_words.get(chunk_id, (None, None))
        vector, neighbour = by_meaning.get(chunk_id, (None, None))
        coverage = hit.coverage if hit else 0.0
        share = hit.share if hit else 0.0
        similarity = neighbour.similarity if neighbour else 0.0
        score = max(share, min(similarity, 1.0), 0.0)
        found.append(
            Found(chunk_id, score, coverage, hit.score if hit else 0.0, lexical, vector)
        )
    return sorted(found, key=lambda each: (-each.weight, each.chunk_id))
