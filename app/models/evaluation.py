"""How well retrieval does on questions whose right passages are known."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.models.document import Chunk, Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A right passage: the file it stands in, and what tells it from others there.

    In ``document`` a ``*`` stands for anything. Neither case nor line ends matter;
    ``heading`` may be a part of the path of headings.
    """

    document: str
    contains: str | None = None
    page: int | None = None
    heading: str | None = None

    def is_in(self, chunk: Chunk) -> bool:
        filename, document = _plain(chunk.filename), _plain(self.document)
        return (
            (filename == document or fnmatchcase(filename, document))
            and (self.contains is None or _plain(self.contains) in _plain(chunk.text))
            and (self.page is None or self.page in (page for _, page in chunk.pages))
            and (
                self.heading is None
                or _plain(self.heading) in _plain(chunk.heading or "")
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question with its right passages, one of which is enough.

    ``expected`` is empty where the documents do not hold the answer. ``after`` are
    the contact's messages before it, oldest first; ``place`` is where a person finds
    the case.
    """

    question: str
    language: str
    expected: tuple[Expected, ...]
    after: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found for a case, best first and whatever its score, and how fast."""

    case: Case
    passages: tuple[Passage, ...]
    seconds: float

    @property
    def score(self) -> float:
        """The best score, which a ``min_score`` is held against."""
        return max((passage.score for passage in self.passages), default=0.0)

    def rank(self, least: float) -> int | None:
        """Return the right passage's place, from 1, among those that score enough."""
        reached = (p.chunk for p in self.passages if p.score >= least)
        for rank, chunk in enumerate(reached, 1):
            if any(expected.is_in(chunk) for expected in self.case.expected):
                return rank
        return None


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of some questions: ``recall`` (0-1) by how many passages are read."""

    questions: int
    recall: dict[int, float]
    mrr: float


def quality(
    outcomes: Collection[Outcome], ks: Sequence[int], *, least: float = 0.0
) -> Quality:
    """Return the figures of questions that have an answer."""
    ranks = [outcome.rank(least) for outcome in outcomes]
    count = len(ranks) or 1
    found = {k: sum(bool(rank and rank <= k) for rank in ranks) / count for k in ks}
    mrr = sum(1 / rank for rank in ranks if rank and rank <= max(ks)) / count
    return Quality(len(ranks), found, mrr)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
