from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.admin import ADMIN, find_assistant, knowledge_of
from app.cli.following import OUTCOMES, Following
from app.cli.progress import progress
from app.cli.report import FAILED, show_report
from app.cli.running import interruptible, quiet
from app.cli.wording import reason_of
from app.errors import AppError, DocumentNotFound
from app.models.document import Document, DocumentType
from app.services.knowledge.documents import DocumentService
from app.wiring import Services


@click.command("reindex")
@click.argument("assistant", required=False)
@click.option("--all", "of_all", is_flag=True, help="The documents of all assistants")
@click.option("--document", "document_id", help="The document of this id alone")
@click.option("--failed", is_flag=True, help="Only what could not be read in full")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Read the documents here too, until all are searchable; or leave that to a"
    " server that has WORKERS, or `flask worker`",
)
@with_appcontext
def reindex(
    *,
    assistant: str | None,
    of_all: bool,
    document_id: str | None,
    failed: bool,
    wait: bool,
) -> None:
    """Read documents again: those of ASSISTANT (its id or exact name), or of --all.

    It is of use after an upgrade that reads files better, after a change of
    EMBEDDING_MODEL, and, with --failed, after what made the reading fail has gone.
    Until a document has been read again it is found as it was. Prompts are not
    searched, and not read again.

    The exit status is 1 where a document cannot be read.
    """
    if [assistant is not None, of_all, document_id is not None].count(True) != 1:
        raise click.UsageError("give one of: an assistant, --all, --document")
    services: Services = current_app.extensions["services"]
    try:
        with interruptible() as interrupted, quiet(), closing(services):
            chosen = _chosen(services, assistant, document_id)
            if failed:
                chosen = [one for one in chosen if one.error and not one.is_waiting]
            queued = _queue(services.documents, chosen, interrupted)
            following = Following(services.documents, queued)
            if wait:
                services.workers.start(1)
                following.until_done(interrupted)
            stopped = interrupted.is_set()
    except AppError as exc:
        raise click.ClickException(reason_of(exc)) from exc
    rows = [
        replace(following.row(one.id), name=f"{one.filename} ({one.id})")
        for one in queued
    ]
    show_report(rows, OUTCOMES)
    following.tell_waiting()
    if stopped or any(row.outcome == FAILED for row in rows):
        raise click.exceptions.Exit(1)


def _chosen(
    services: Services, assistant: str | None, document_id: str | None
) -> list[Document]:
    """Return the documents that are meant, oldest first.

    Raises click.ClickException, and what the services raise.
    """
    if document_id is not None:
        document = services.documents.get(ADMIN, document_id)
        if document.type is DocumentType.PROMPT:
            raise click.ClickException("that is a prompt, which is not searched")
        return [document]
    assistant_id = None
    if assistant is not None:
        assistant_id = find_assistant(services.assistants, assistant).id
    return list(knowledge_of(services.documents, assistant_id))[::-1]


def _queue(
    documents: DocumentService, chosen: Sequence[Document], interrupted: Event
) -> list[Document]:
    """Queue documents until a Ctrl-C; return those that are there still."""
    queued: list[Document] = []
    with progress("Queuing", len(chosen)) as shown:
        for number, document in enumerate(chosen, 1):
            if interrupted.is_set():
                break
            with suppress(DocumentNotFound):  # deleted meanwhile
                queued.append(documents.index_again(ADMIN, document.id))
            shown.advance(1, f"{number} of {len(chosen)}")
    return queued
