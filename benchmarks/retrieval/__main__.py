"""How well the right passage is found in real manuals, and how fast.

python -m benchmarks.retrieval [--half dev|test] [--folder FOLDER] [--failures]

The manuals are packages of Debian (apt is needed, root is not). They are downloaded
and indexed once; later runs use what is in the folder, so remove its ``store`` after
a change to how documents are read or split.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cli.evaluation_cases import read_cases
from app.cli.evaluation_report import failures
from app.models.evaluation import Case, Outcome
from benchmarks.processes import ROOT, started
from benchmarks.retrieval import tables
from benchmarks.retrieval.corpus import install
from benchmarks.retrieval.library import Library, library_in

HERE = Path(__file__).parent
QUESTIONS = HERE / "questions"
FOLDER = ROOT / "data" / "benchmark-retrieval"
DEPTH, K = 10, 5


def questions(kind: str) -> list[Case]:
    files = sorted((QUESTIONS / kind).glob("*.yaml"))
    return [case for file in files for case in read_cases(file)[1]]


def asked(library: Library, search: str, cases: Sequence[Case]) -> list[Outcome]:
    """Ask each in its language's manuals."""
    return [
        outcome
        for language, assistant in library.assistants.items()
        for outcome in library.evaluation.run(
            search,
            assistant,
            [case for case in cases if case.language == language],
            depth=DEPTH,
        )
    ]


def run(library: Library, halves: Sequence[str], *, with_failures: bool) -> None:
    counts = {name: len(chunks) for name, chunks in library.chunks.items()}
    print("Passages:", ", ".join(f"{count} {name}" for name, count in counts.items()))
    searches = library.evaluation.searches
    for half in halves:
        cases = questions(half)
        for case in filter(library.lacking, cases):
            print(f"no longer in the manuals: {case.place}")
        found = {search: asked(library, search, cases) for search in searches}
        print(f"\n### {half}\n\n{tables.figures(found)}")
        print(f"\n{tables.follow_ups(_ways(library, cases))}")
        if with_failures:
            for search, outcomes in found.items():
                print(failures(search, _failed(outcomes), [], K, 0.0))
    cases = [case for half in halves for case in questions(half)]
    without = questions("unanswerable")
    for search in searches:
        answerable = asked(library, search, cases)
        print(f"\n### min_score, {search}\n")
        print(tables.thresholds(answerable, asked(library, search, without), K))


def _ways(library: Library, cases: Sequence[Case]) -> Mapping[str, list[Outcome]]:
    ways = tables.ways_to_ask(cases)
    return {name: asked(library, "lexical", each) for name, each in ways.items()}


def _failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if (outcome.rank(0.0) or K + 1) > K]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=("dev", "test"), help="absent: both")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--failures", action="store_true", help="list them")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    documents = install(chosen.folder)
    log = chosen.folder / "embeddings.log"
    with (
        started([str(HERE / "embeddings.py")], log) as embeddings,
        library_in(chosen.folder / "store", documents, embeddings.port) as library,
    ):
        halves = [chosen.half] if chosen.half else ["dev", "test"]
        run(library, halves, with_failures=chosen.failures)


if __name__ == "__main__":
    main()
