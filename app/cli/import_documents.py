from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.admin import find_assistant, knowledge_of
from app.cli.folders import FolderFile, files_below
from app.cli.following import Following
from app.cli.importing import NOT_TRIED, OUTCOMES, Imported, Importer
from app.cli.progress import progress
from app.cli.report import FAILED, Row, show_report
from app.cli.running import interruptible, quiet
from app.cli.wording import printable, reason_of
from app.errors import AppError
from app.extraction.formats import FORMATS
from app.wiring import Services


@click.command(
    "import-documents", epilog=f"Formats that are read: {', '.join(sorted(FORMATS))}."
)
@click.argument("assistant")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--replace",
    "replacing",
    is_flag=True,
    help="Put files that have changed in the place of the documents of their names",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Read the documents here too, until all are searchable; or leave that to a"
    " server that has WORKERS, or `flask worker`",
)
@click.option("--dry-run", is_flag=True, help="Change nothing, but say what would be")
@with_appcontext
def import_documents(
    *, assistant: str, folder: Path, replacing: bool, wait: bool, dry_run: bool
) -> None:
    """Add the files below FOLDER to the documents of ASSISTANT.

    ASSISTANT is its id, or its exact name. Each document is named by its file's path
    from FOLDER on, such as prices/2026.pdf; what is there already is not read again,
    so the same command continues an import that was stopped, or tries again what
    failed. Hidden files, links out of FOLDER and other formats are skipped.

    The exit status is 1 where a file failed.
    """
    services: Services = current_app.extensions["services"]
    with interruptible() as interrupted, quiet(), closing(services):
        importer = _importer(services, assistant, replacing=replacing, dry_run=dry_run)
        if wait and not dry_run:
            services.workers.start(1)
        imported = _import(importer, list(files_below(folder)), interrupted)
        following = Following(
            services.documents, [one.document for one in imported if one.document]
        )
        if wait:
            following.until_done(interrupted)
        stopped = interrupted.is_set()
    rows = [_row(one, following) for one in imported]
    show_report(rows, OUTCOMES)
    if dry_run:
        click.echo("\nNothing was changed.")
    following.tell_waiting()
    if stopped or any(row.outcome in {FAILED, NOT_TRIED} for row in rows):
        raise click.exceptions.Exit(1)


def _importer(
    services: Services, assistant: str, *, replacing: bool, dry_run: bool
) -> Importer:
    """Raises click.ClickException."""
    try:
        found = find_assistant(services.assistants, assistant)
        known = {
            one.filename: one for one in knowledge_of(services.documents, found.id)
        }
    except AppError as exc:
        raise click.ClickException(reason_of(exc)) from exc
    return Importer(
        services.documents,
        found.id,
        known=known,
        replacing=replacing,
        dry_run=dry_run,
    )


def _import(
    importer: Importer, files: Sequence[FolderFile], interrupted: Event
) -> list[Imported]:
    imported: list[Imported] = []
    with progress("Storing", sum(file.size for file in files)) as shown:
        for number, file in enumerate(files, 1):
            shown.advance(0, f"{number} of {len(files)}, {printable(file.name)}")
            imported.append(importer.take(file))
            shown.done(str(imported[-1].row))
            shown.advance(file.size, f"{number} of {len(files)}")
            if interrupted.is_set() or imported[-1].fatal:
                break
    return imported + [
        Imported(row=Row(name=file.name, outcome=NOT_TRIED, size=file.size))
        for file in files[len(imported) :]
    ]


def _row(imported: Imported, following: Following) -> Row:
    """Return what came of a file in the end."""
    if imported.document is None:
        return imported.row
    followed = following.row(imported.document.id)
    outcome = FAILED if followed.outcome == FAILED else imported.row.outcome
    return replace(imported.row, outcome=outcome, reason=followed.reason)
