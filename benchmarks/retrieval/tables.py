"""Figures of outcomes, as tables in Markdown."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from app.models.evaluation import Case, Outcome, quality

KS = (1, 5, 10)
STEPS = tuple(step / 20 for step in range(4, 16))
SEED = 1


def figures(found: Mapping[str, Sequence[Outcome]]) -> str:
    rows = []
    for search, outcomes in found.items():
        times = sorted(outcome.seconds * 1000 for outcome in outcomes)
        for name, group in _groups(outcomes).items():
            rows.append([search, name, *_quality(group)])
        p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
        rows[-1] += [f"{p50:.1f}", f"{p95:.1f}"]
    heads = [f"recall@{k}" for k in KS]
    return _table(
        ["search", "", "questions", *heads, "MRR", "p50 ms", "p95 ms"],
        [[*row, *[""] * (9 - len(row))] for row in rows],
    )


def ways_to_ask(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Return the questions, with other help of the conversation or none.

    ``another subject`` are whole questions after one that has nothing to do with them.
    """
    follow_ups = [case for case in cases if case.after]
    whole = [case for case in cases if not case.after]
    chance = random.Random(SEED)
    changed = []
    for case in whole:
        others = [other for other in whole if other.language == case.language]
        others.remove(case)
        changed.append(replace(case, after=(chance.choice(others).question,)))
    return {
        "follow-ups, alone": [replace(case, after=()) for case in follow_ups],
        "follow-ups, behind the message before": _joined(follow_ups),
        "follow-ups, as it is": follow_ups,
        "whole questions, alone": whole,
        "another subject, behind the message before": _joined(changed),
        "another subject, as it is": changed,
    }


def follow_ups(ways: Mapping[str, Sequence[Outcome]]) -> str:
    heads = [f"recall@{k}" for k in KS]
    return _table(
        ["lexical", "questions", *heads, "MRR"],
        [[name, *_quality(outcomes)] for name, outcomes in ways.items()],
    )


def thresholds(
    answerable: Sequence[Outcome], without: Sequence[Outcome], k: int
) -> str:
    """Return what each ``min_score`` keeps, and what it keeps quiet."""
    rows = []
    for least in STEPS:
        kept = quality(answerable, [k], least=least).recall[k]
        heard = sum(each.score >= least for each in answerable) / len(answerable)
        quiet = sum(each.score < least for each in without) / len(without)
        rows.append([f"{least:.2f}", f"{kept:.2f}", f"{heard:.2f}", f"{quiet:.2f}"])
    heads = ["min_score", f"recall@{k}", "something found", "nothing found, rightly"]
    return _table(heads, rows)


def _groups(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    whole = [outcome for outcome in outcomes if not outcome.case.after]
    languages = sorted({outcome.case.language for outcome in outcomes})
    named = {
        name: [each for each in whole if each.case.language == name]
        for name in languages
    }
    after = [outcome for outcome in outcomes if outcome.case.after]
    return named | {"follow-ups": after, "all": list(outcomes)}


def _quality(outcomes: Sequence[Outcome]) -> list[str]:
    made = quality(outcomes, KS)
    recall = (f"{made.recall[k]:.2f}" for k in KS)
    return [str(made.questions), *recall, f"{made.mrr:.2f}"]


def _joined(cases: Iterable[Case]) -> list[Case]:
    return [
        replace(case, question=f"{case.after[-1]} {case.question}", after=())
        for case in cases
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
