"""An assistant comes in whole, or not at all."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    AppError,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    ImportRefused,
    StorageFull,
    StoreUnavailable,
    TooManyDocuments,
)
from app.models.assistant import Assistant
from app.models.page import PageRequest
from app.services.assistants import KeyedAssistant
from app.services.portability.package_format import PackedDocument
from tests.support.faults import Crash, Mode, Plan
from tests.support.library import OWNER, Library, Services
from tests.support.made_archive import entries, listed, zip_of

MOST_CALLS = 120
HOURS = b"Open from nine to five."
TWO = {"hours.md": HOURS, "prices.txt": b"Acai costs ten."}
SETTINGS = {"name": "Loja", "instructions": "Be brief."}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def bring_in(
    services: Services,
    documents: dict[str, bytes] | None = None,
    *,
    described: list[dict[str, Any]] | None = None,
) -> KeyedAssistant:
    made = entries(TWO if documents is None else documents)
    package = services.imports.open(io.BytesIO(zip_of(made)))
    listed = described or json.loads(package.documents)["documents"]
    return services.imports.create(
        OWNER,
        package,
        settings=SETTINGS,
        documents=[PackedDocument(**({"source_url": None} | one)) for one in listed],
    )


def brought_in(library: Library) -> list[Assistant]:
    """Return the assistants that are not of the library itself."""
    page = library.assistants.list_page(PageRequest(), assistant_ids=None)
    return [one for one in page.items if one.id not in {"a1", "a2"}]


def check_nothing(library: Library) -> None:
    assert brought_in(library) == []
    assert library.documents.all() == []
    assert library.found() == {}


def test_it_comes_in_as_a_new_assistant(library: Library, services: Services) -> None:
    made = bring_in(services)

    assert [one.id for one in brought_in(library)] == [made.assistant.id]
    assert made.assistant.owner_id == OWNER.id
    assert made.assistant.instructions == "Be brief."
    assert made.api_key
    assert services.keys.authenticate(made.api_key).assistant_id == made.assistant.id
    assert library.found() == {
        f"{made.assistant.id}/prompt.txt": b"Be brief.",
        f"{made.assistant.id}/knowledge/hours.md": HOURS,
        f"{made.assistant.id}/knowledge/prices.txt": TWO["prices.txt"],
    }
    assert len(library.queue.waiting) == len(TWO)


@pytest.mark.parametrize(
    ("documents", "error"),
    [
        ({"a.md": b"1", "b.md": b"2", "c.md": b"3", "d.md": b"4"}, TooManyDocuments),
        ({"a.md": b"x" * (2**20 + 1)}, DocumentTooLarge),
        (
            {n: n.encode() * 2**18 for n in ("a.md", "b.md", "c.md")},
            DocumentQuotaExceeded,
        ),
        ({"a.md": b"text", "b.exe": b"MZ"}, DocumentTypeUnsupported),
        ({"a.md": b"text", "???": b"x"}, AppError),
    ],
    ids=["many", "large", "quota", "type", "name"],
)
def test_what_is_refused_leaves_nothing(
    library: Library,
    services: Services,
    documents: dict[str, bytes],
    error: type[AppError],
) -> None:
    with pytest.raises(error):
        bring_in(services, documents)

    check_nothing(library)


def test_of_a_document_that_is_refused_the_name_is_told(services: Services) -> None:
    with pytest.raises(DocumentTypeUnsupported) as refused:
        bring_in(services, {"a.md": b"text", "b.exe": b"MZ"})

    assert refused.value.details["filename"] == "b.exe"


TEXT = b"text"
LISTS = {
    "twice": [listed("a.md", TEXT), listed("b.md", TEXT)],
    "unlisted": [listed("a.md", TEXT, 2)],
    "missing": [listed("a.md", TEXT), listed("b.md", TEXT, 2)],
    "size": [listed("a.md", TEXT, size=5)],
    "hash": [listed("a.md", TEXT, sha256="0" * 64)],
}


@pytest.mark.parametrize("reason", LISTS)
def test_what_is_listed_must_be_what_is_there(
    library: Library, services: Services, reason: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring_in(services, {"a.md": TEXT}, described=LISTS[reason])

    assert refused.value.details["reason"] == f"reason.import_{reason}"
    check_nothing(library)


@pytest.mark.parametrize("error", [StoreUnavailable, StorageFull])
@pytest.mark.parametrize("mode", ["refused", "answer lost"])
def test_whatever_fails_nothing_remains(
    tmp_path: Path, mode: Mode, error: type[AppError]
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode, error)
        try:
            bring_in(library.services(plan))
        except error:
            if plan.calls[at - 1] == "FakeAssistants.add" and mode == "answer lost":
                check_deletable(library)
            check_nothing(library)
            bring_in(library.services())
        assert len(brought_in(library)) == 1
        assert len(library.documents.all()) == 1 + len(TWO)
        if not plan.happened:
            return
    raise AssertionError("an import makes more calls than were tried")


@pytest.mark.parametrize("mode", ["crash", "crash after"])
def test_what_a_crash_leaves_can_be_seen_and_deleted(
    tmp_path: Path, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        try:
            bring_in(library.services(plan))
        except Crash:
            check_deletable(library)
        if not plan.happened:
            return
    raise AssertionError("an import makes more calls than were tried")


def check_deletable(library: Library) -> None:
    services = library.services()
    for one in services.assistants.list_page(OWNER, PageRequest()).items:
        if one.assistant.id != "a1":
            services.assistants.delete(OWNER, one.assistant.id)
    for document in library.documents.all():
        assert library.assistants.get(document.assistant_id), "nobody sees it"
    check_nothing(library)
