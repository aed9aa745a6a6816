from collections.abc import Callable, Sequence
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.admin import find_assistant
from app.cli.evaluation_cases import CaseFileError, read_cases
from app.cli.evaluation_report import failures, figures, thresholds
from app.cli.wording import reason_of
from app.errors import AppError
from app.models.evaluation import Outcome, quality
from app.wiring import Services

KS = (1, 5, 10)


@click.command("evaluate-retrieval")
@click.argument("cases", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--assistant", "given", help="Its id or exact name; absent: the file names it"
)
@click.option(
    "-k",
    "k",
    type=click.IntRange(1, 50),
    default=5,
    show_default=True,
    help="A question has failed when no right passage is among so many",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    help="Passages that score less are not found; absent: as the assistant is set",
)
@click.option(
    "--min-recall",
    type=click.FloatRange(0, 1),
    help="Exit with 1 when recall@k of the search that answers use is lower",
)
@with_appcontext
def evaluate_retrieval(
    cases: Path,
    given: str | None,
    k: int,
    min_score: float | None,
    min_recall: float | None,
) -> None:
    """Measure what is found for the questions in a YAML file, and list what is not."""
    services: Services = current_app.extensions["services"]
    evaluation = services.evaluation
    try:
        named, read = read_cases(cases)
        chosen = given or named
        if chosen is None:
            raise click.UsageError("name the assistant: --assistant, or in the file")
        assistant = find_assistant(services.assistants, chosen)
        least = min_score
        if least is None:
            least = assistant.retrieval.min_score or 0.0
        ks = sorted({*KS, k})
        found = {
            search: evaluation.run(search, assistant, read, depth=ks[-1])
            for search in evaluation.searches
        }
    except CaseFileError as exc:
        raise click.ClickException(str(exc)) from exc
    except AppError as exc:
        raise click.ClickException(reason_of(exc)) from exc
    click.echo(f"{assistant.name} ({assistant.id}), min_score {least:g}\n")
    _print(found, ks, k, least)
    recall = quality(_answerable(found[evaluation.searches[-1]]), ks, least=least)
    if min_recall is not None and recall.recall[k] < min_recall:
        raise click.ClickException(
            f"recall@{k} is {recall.recall[k]:.2f}, below {min_recall:g}"
        )


def _print(
    found: dict[str, list[Outcome]], ks: Sequence[int], k: int, least: float
) -> None:
    answerable = {search: _answerable(each) for search, each in found.items()}
    click.echo(figures(answerable, ks, least))
    *_, (search, outcomes) = found.items()
    without = [each for each in outcomes if not each.case.expected]
    if without:
        click.echo(thresholds(answerable[search], without, k))
    failed = _where(lambda each: (each.rank(least) or k + 1) > k, answerable[search])
    heard = _where(lambda each: each.score >= least > 0, without)
    if failed or heard:
        click.echo(failures(search, failed, heard, k, least))


def _answerable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return _where(lambda outcome: bool(outcome.case.expected), outcomes)


def _where(
    holds: Callable[[Outcome], bool], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    return [outcome for outcome in outcomes if holds(outcome)]
