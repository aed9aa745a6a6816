"""What commands see of assistants and documents: all that an admin does."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from app.errors import AssistantNotFound
from app.models.assistant import Assistant
from app.models.document import Document, DocumentFilter, DocumentType
from app.models.page import PageRequest
from app.models.user import User, UserRole
from app.services.assistants import AssistantService
from app.services.knowledge.documents import DocumentService

EPOCH = datetime.fromtimestamp(0, UTC)
ADMIN = User(
    id="shell",
    email="",
    name="shell",
    role=UserRole.ADMIN,
    active=True,
    password_hash="",
    created_at=EPOCH,
    updated_at=EPOCH,
)
"""Whoever has a shell on the server: no account, and as much as an admin may."""


def find_assistant(assistants: AssistantService, given: str) -> Assistant:
    """Return the assistant of this id, or else of this name.

    Raises click.ClickException.
    """
    try:
        return assistants.get(ADMIN, given).assistant
    except AssistantNotFound:
        named = [one for one in _assistants(assistants) if one.name == given]
    if not named:
        raise click.ClickException(f"there is no assistant {given!r}")
    if len(named) > 1:
        ids = "\n".join(f"  {one.id}" for one in named)
        raise click.ClickException(
            f"{len(named)} assistants are named {given!r}; give the id of one:\n{ids}"
        )
    return named[0]


def knowledge_of(
    documents: DocumentService, assistant_id: str | None
) -> Iterator[Document]:
    """Yield the documents of an assistant, newest first, without its prompt.

    None: those of all assistants.
    """
    after: str | None = None
    while True:
        page = documents.list_page(
            ADMIN,
            PageRequest(after=after),
            DocumentFilter(type=DocumentType.RAG),
            assistant_id=assistant_id,
        )
        yield from page.items
        if page.next is None:
            return
        after = page.next


def _assistants(assistants: AssistantService) -> Iterator[Assistant]:
    after: str | None = None
    while True:
        page = assistants.list_page(ADMIN, PageRequest(after=after))
        yield from (one.assistant for one in page.items)
        if page.next is None:
            return
        after = page.next
