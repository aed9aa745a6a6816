"""Documents: who may keep them, and where they lie."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    AppError,
    AssistantNotFound,
    DocumentEmpty,
    DocumentExists,
    DocumentNotFound,
    DocumentNotRead,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    InvalidInput,
)
from app.models.document import (
    DocumentFilter,
    DocumentStatus,
    DocumentType,
)
from app.models.page import PageRequest
from tests.support.faults import Plan
from tests.support.library import ADMIN, OWNER, STRANGER, Library, Services

PLACE = "a1/knowledge/hours.md"
OLD, NEW = b"Open from nine to five.", b"Open from ten to four.\n\nClosed on Sunday."


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def texts(library: Library) -> list[str]:
    return [chunk.text for chunk in library.chunks.all()]


def test_an_upload_is_stored_and_queued(services: Services, library: Library) -> None:
    made = services.upload(OLD)

    assert library.documents.all() == [made]
    assert (made.status, made.progress, made.error) == (
        DocumentStatus.QUEUED,
        0.0,
        None,
    )
    assert (made.size, made.sha256) == (len(OLD), hashlib.sha256(OLD).hexdigest())
    assert (made.filename, made.filepath) == ("hours.md", PLACE)
    assert library.found() == {PLACE: OLD}
    assert texts(library) == []
    assert list(library.queue.waiting) == [f"index:{made.id}:{made.revision}"]
    assert services.documents.file(OWNER, made.id)[1].read_bytes() == OLD


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"assistant_id": "none"}, AssistantNotFound),
        ({"caller": STRANGER}, AssistantNotFound),
        ({"filename": ""}, InvalidInput),
        ({"filename": "///"}, InvalidInput),
        ({"filename": "hours.exe"}, DocumentTypeUnsupported),
        ({"filename": "hours"}, DocumentTypeUnsupported),
        ({"data": b"x" * (1024 * 1024 + 1)}, DocumentTooLarge),
        ({"filename": "hours.pdf", "data": b"Nine to five."}, DocumentNotRead),
        ({"data": b" \n "}, DocumentEmpty),
        (
            {"data": b"x" * 100_001, "document_type": DocumentType.PROMPT},
            DocumentTooLarge,
        ),
    ],
)
def test_what_cannot_be_read_leaves_nothing(
    services: Services, library: Library, fields: dict[str, Any], error: type[AppError]
) -> None:
    with pytest.raises(error):
        services.upload(**fields)

    assert library.documents.all() == []
    assert library.found() == {}
    assert texts(library) == []


def test_an_admin_uploads_for_anybody(services: Services) -> None:
    assert services.upload(caller=ADMIN).assistant_id == "a1"


def test_who_waits_for_a_document_gets_it_when_it_is_indexed(
    library: Library,
) -> None:
    services = library.services()
    made = services.upload(OLD)

    assert services.documents.wait(OWNER, made.id, 0).is_waiting
    plan = Plan()
    plan.hooks["FakeDocuments.get"] = services.index
    found = library.services(plan).documents.wait(OWNER, made.id, 60)

    assert found.status is DocumentStatus.READY


def test_two_names_that_become_one_on_the_disk_get_two_places(
    services: Services, library: Library
) -> None:
    names = ["a:b.md", "a?b.md", "a*b.md"]
    made = [services.upload(filename=name) for name in names]

    assert [one.filename for one in made] == names
    assert [one.filepath for one in made] == [
        "a1/knowledge/a_b.md",
        "a1/knowledge/a_b-2.md",
        "a1/knowledge/a_b-3.md",
    ]
    assert set(library.found()) == {one.filepath for one in made}


def test_names_that_differ_in_case_get_two_places(services: Services) -> None:
    made = [services.upload(filename=name) for name in ("Hours.md", "hours.md")]

    assert [one.filepath for one in made] == [
        "a1/knowledge/Hours.md",
        "a1/knowledge/hours-2.md",
    ]


def test_a_place_taken_at_the_same_instant_is_passed_over(library: Library) -> None:
    plan = Plan()
    plan.hooks["DocumentFiles.stage"] = lambda: library.services().upload(
        NEW, filename="a?b.md"
    )

    made = library.services(plan).upload(OLD, filename="a:b.md")

    assert made.filepath == "a1/knowledge/a_b-2.md"
    assert library.found()["a1/knowledge/a_b.md"] == NEW


def test_one_name_at_the_same_instant_is_taken_once(library: Library) -> None:
    plan = Plan()
    plan.hooks["DocumentFiles.stage"] = lambda: library.services().upload(NEW)

    with pytest.raises(DocumentExists):
        library.services(plan).upload(OLD)

    assert library.found() == {PLACE: NEW}


@pytest.mark.parametrize("name", ["../../etc/passwd.md", "/abs.md", "..\\..\\x.md"])
def test_no_name_leads_out_of_the_folder(
    services: Services, library: Library, name: str
) -> None:
    made = services.upload(filename=name)

    assert made.filename == name
    assert list(library.found()) == [made.filepath]
    assert made.filepath.startswith("a1/knowledge/")


def test_the_quota_counts_all_and_a_replacement_only_its_difference(
    services: Services, library: Library
) -> None:
    megabyte = (b"Nine to five.\n\n" * 80_000)[: 1024 * 1024]
    services.upload(megabyte, filename="1.md")
    services.upload(megabyte, filename="2.md")

    with pytest.raises(DocumentQuotaExceeded):
        services.upload(b"x", filename="3.md")
    services.upload(megabyte, filename="2.md", replacing=True)
    services.upload(b"small", filename="2.md", replacing=True)
    services.upload(b"fits now", filename="3.md")

    assert len(library.found()) == 3


def test_reading_is_for_those_who_may(services: Services) -> None:
    made = services.upload()

    assert services.documents.get(OWNER, made.id) == made
    assert services.documents.get(ADMIN, made.id) == made
    for read in (
        services.documents.get,
        services.documents.delete,
        services.documents.index_again,
    ):
        with pytest.raises(DocumentNotFound):
            read(STRANGER, made.id)
    with pytest.raises(DocumentNotFound):
        services.documents.file(STRANGER, made.id)


def test_lists_show_what_the_caller_may_see(services: Services) -> None:
    made = services.upload()
    theirs = services.upload(caller=STRANGER, assistant_id="a2")

    def listed(caller: Any, **fields: Any) -> set[str]:
        page = services.documents.list_page(
            caller, PageRequest(), DocumentFilter(), **fields
        )
        return {one.id for one in page.items}

    assert listed(OWNER) == {made.id}
    assert listed(ADMIN) == {made.id, theirs.id}
    assert listed(ADMIN, assistant_id="a2") == {theirs.id}
    with pytest.raises(AssistantNotFound):
        listed(OWNER, assistant_id="a2")


def test_a_file_that_vanished_is_not_found(
    services: Services, library: Library
) -> None:
    made = services.upload()
    (library.root / made.filepath).unlink()

    with pytest.raises(DocumentNotFound):
        services.documents.file(OWNER, made.id)


def test_deleting_leaves_no_trace(services: Services, library: Library) -> None:
    made = services.upload_and_index(OLD)
    services.documents.index_again(OWNER, made.id)
    services.documents.delete(OWNER, made.id)

    assert library.queue.waiting == {}
    assert library.documents.all() == []
    assert library.found() == {}
    assert texts(library) == []
    with pytest.raises(DocumentNotFound):
        services.documents.delete(OWNER, made.id)


def test_deleting_the_prompt_empties_the_instructions(
    services: Services, library: Library
) -> None:
    prompt = services.upload(b"Be kind.", document_type=DocumentType.PROMPT)
    assert prompt.type is DocumentType.PROMPT
    services.documents.delete(OWNER, prompt.id)

    found = library.assistants.get("a1")
    assert found
    assert found.instructions == ""
    assert library.documents.all() == []
    assert library.found() == {}
