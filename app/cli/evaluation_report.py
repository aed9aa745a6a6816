"""What an evaluation of retrieval says, as text for a terminal."""

from collections.abc import Mapping, Sequence

from app.models.document import Passage
from app.models.evaluation import Expected, Outcome, quality

SHOWN = 3
EXCERPT = 100
STEPS = tuple(step / 20 for step in range(2, 17))


def figures(
    found: Mapping[str, Sequence[Outcome]], ks: Sequence[int], least: float
) -> str:
    """Return a table: each search's recall and mean reciprocal rank, by language."""
    heads = "".join(f"{f'recall@{k}':>11}" for k in ks)
    lines = [f"{'':<12}{'questions':>10}{heads}{'MRR':>7}"]
    for search, outcomes in found.items():
        lines.append(search)
        languages = sorted({outcome.case.language for outcome in outcomes})
        groups = {
            name: [each for each in outcomes if each.case.language == name]
            for name in languages
        }
        for name, group in (groups | {"all": list(outcomes)}).items():
            made = quality(group, ks, least=least)
            recall = "".join(f"{made.recall[k]:>11.2f}" for k in ks)
            lines.append(f"  {name:<10}{made.questions:>10}{recall}{made.mrr:>7.2f}")
        if outcomes and not any(outcome.passages for outcome in outcomes):
            lines.append("  found nothing: no searchable documents, or no vectors")
    return "\n".join(lines)


def thresholds(
    answerable: Sequence[Outcome], without: Sequence[Outcome], k: int
) -> str:
    """Return what each ``min_score`` would keep, and what it would keep quiet."""
    head = f"recall@{k}"
    lines = [f"\n{'min_score':<12}{head:>10}{'nothing found, rightly':>25}"]
    for least in STEPS:
        kept = quality(answerable, [k], least=least).recall[k]
        quiet = sum(each.score < least for each in without)
        lines.append(f"  {least:<10.2f}{kept:>10.2f}{quiet:>17} of {len(without)}")
    return "\n".join(lines)


def failures(
    search: str,
    failed: Sequence[Outcome],
    heard: Sequence[Outcome],
    k: int,
    least: float,
) -> str:
    """List the questions that failed, each with what was found instead."""
    lines = []
    if failed:
        lines.append(f"\nNot among the first {k} ({search}):")
        for outcome in failed:
            rank = outcome.rank(least)
            lines += [
                *_asked(outcome),
                *(f"  expected  {_named(each)}" for each in outcome.case.expected),
                *([f"  found at  {rank}"] if rank else []),
                *_best(outcome, least),
            ]
    if heard:
        lines.append(f"\nFound something where there is nothing ({search}):")
        for outcome in heard:
            lines += [*_asked(outcome), *_best(outcome, least)]
    return "\n".join(lines)


def _asked(outcome: Outcome) -> list[str]:
    case = outcome.case
    said = " / ".join([*case.after, case.question])
    return [f"\n{case.place} [{case.language}]", f"  {said}"]


def _named(expected: Expected) -> str:
    parts = [
        expected.document,
        f'"{expected.contains}"' if expected.contains else "",
        f"page {expected.page}" if expected.page else "",
        f"under {expected.heading}" if expected.heading else "",
    ]
    return ", ".join(filter(None, parts))


def _best(outcome: Outcome, least: float) -> list[str]:
    reached = [each for each in outcome.passages if each.score >= least]
    shown = [
        f"  {'instead' if rank == 1 else '':<9} {rank}. {_described(passage)}"
        for rank, passage in enumerate(reached[:SHOWN], 1)
    ]
    below = f", the best score is {outcome.score:.2f}" if outcome.passages else ""
    return shown or [f"  instead   nothing{below}"]


def _described(passage: Passage) -> str:
    chunk = passage.chunk
    page = f", page {chunk.page}" if chunk.page else ""
    excerpt = " ".join(chunk.text.split())[:EXCERPT]
    return f"{chunk.filename}{page} (score {passage.score:.2f}): {excerpt}"
