from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that holds words of a question.

    ``score`` is BM25, higher is better; ``coverage`` is the share (0-1) of the
    question's content words that stand in the chunk, ``share`` the same with each
    word weighed by how rare it is.
    """

    chunk_id: str
    score: float
    coverage: float
    share: float


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a model makes of a text: a vector of length 1, little-endian 32-bit floats.

    Vectors of different models have nothing to do with each other.
    """

    model: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk that means something like a question; ``similarity`` is the cosine."""

    chunk_id: str
    similarity: float
