from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that holds words of a question.

    ``score`` is BM25, higher is better; ``coverage`` is the share (0-1) of the
    question's content words that stand in the chunk.
    """

    chunk_id: str
    score: float
    coverage: float
