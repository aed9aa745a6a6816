"""Uploads are whole or not there, whatever fails."""

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
    DocumentNotText,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    InvalidInput,
    StorageFull,
    StoreUnavailable,
)
from app.models.document import (
    Document,
    DocumentFilter,
    DocumentStatus,
    DocumentType,
)
from app.models.page import PageRequest
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.library import ADMIN, OWNER, STRANGER, Library, Services
from tests.support.made import NOW

PLACE = "a1/knowledge/hours.md"
OLD, NEW = b"Open from nine to five.", b"Open from ten to four.\n\nClosed on Sunday."
MOST_CALLS = 40


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def texts(library: Library) -> list[str]:
    return [chunk.text for chunk in library.chunks.all()]


def test_an_upload_is_stored_and_searchable(
    services: Services, library: Library
) -> None:
    made = services.upload(OLD)

    assert library.documents.all() == [made]
    assert (made.status, made.progress, made.error) == (DocumentStatus.READY, 1.0, None)
    assert (made.size, made.sha256) == (len(OLD), hashlib.sha256(OLD).hexdigest())
    assert (made.filename, made.filepath) == ("hours.md", PLACE)
    assert library.found() == {PLACE: OLD}
    assert texts(library) == ["Open from nine to five."]
    assert made.chunks == 1
    assert {c.revision for c in library.chunks.all()} == {made.revision}
    changed = library.assistants.get("a1")
    assert changed
    assert changed.knowledge_version == 1
    assert services.documents.file(OWNER, made.id)[1].read_bytes() == OLD


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"assistant_id": "none"}, AssistantNotFound),
        ({"caller": STRANGER}, AssistantNotFound),
        ({"filename": ""}, InvalidInput),
        ({"filename": "///"}, InvalidInput),
        ({"filename": "hours.pdf"}, DocumentTypeUnsupported),
        ({"filename": "hours"}, DocumentTypeUnsupported),
        ({"data": b"x" * (1024 * 1024 + 1)}, DocumentTooLarge),
        ({"data": b"%PDF-1.7"}, DocumentNotText),
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


def test_a_name_that_is_there_is_refused_unless_it_is_replaced(
    services: Services, library: Library
) -> None:
    old = services.upload(OLD)

    with pytest.raises(DocumentExists):
        services.upload(NEW)
    assert library.found() == {PLACE: OLD}

    new = services.upload(NEW, replacing=True)
    assert (new.id, new.filepath) == (old.id, old.filepath)
    assert new.revision != old.revision
    assert library.documents.all() == [new]
    assert library.found() == {PLACE: NEW}
    assert {c.revision for c in library.chunks.all()} == {new.revision}
    assert texts(library)[0].startswith("Open from ten")


def test_replacing_what_is_not_there_adds_it(services: Services) -> None:
    assert services.upload(OLD, replacing=True).chunks == 1


def test_nobody_sees_half_of_a_replacement(library: Library) -> None:
    old = library.services().upload(OLD)
    plan = Plan()
    seen: list[tuple[Document | None, list[str]]] = []

    def look() -> None:
        found = library.documents.get(old.id)
        assert found
        chunks = library.chunks.list_for_document(found.id, found.revision)
        seen.append((found, [chunk.text for chunk in chunks]))

    for call in ("FakeChunks.add", "FakeDocuments.replace", "DocumentFiles.stage"):
        plan.hooks[call] = look
    new = library.services(plan).upload(NEW, replacing=True)

    assert [found for found, _ in seen] == [old, old, new]
    assert all(chunks for _, chunks in seen)


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
    plan.hooks["FakeDocuments.filepaths"] = lambda: library.services().upload(
        NEW, filename="a?b.md"
    )

    made = library.services(plan).upload(OLD, filename="a:b.md")

    assert made.filepath == "a1/knowledge/a_b-2.md"
    assert library.found()["a1/knowledge/a_b.md"] == NEW


def test_one_name_at_the_same_instant_is_taken_once(library: Library) -> None:
    plan = Plan()
    plan.hooks["FakeDocuments.filepaths"] = lambda: library.services().upload(NEW)

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
    for read in (services.documents.get, services.documents.delete):
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
    made = services.upload()
    services.documents.delete(OWNER, made.id)

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


def test_a_document_deleted_during_its_upload_leaves_nothing(library: Library) -> None:
    plan = Plan()

    def delete() -> None:
        [processing] = library.documents.all()
        library.services().documents.delete(OWNER, processing.id)

    plan.hooks["FakeChunks.add"] = delete
    with pytest.raises(DocumentNotFound):
        library.services(plan).upload()

    assert library.found() == {}
    assert texts(library) == []


# Failing at every call


def _is_nothing(library: Library) -> bool:
    return not (library.documents.all() or library.found() or texts(library))


@pytest.mark.parametrize("error", [StoreUnavailable, StorageFull])
@pytest.mark.parametrize("mode", ["refused", "answer lost"])
def test_an_upload_that_fails_leaves_nothing(
    tmp_path: Path, mode: Mode, error: type[AppError]
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode, error)
        try:
            library.services(plan).upload(OLD)
        except error:
            assert plan.happened
            assert _is_nothing(library), plan.calls[at - 1]
            library.services().upload(OLD)
        assert library.found() == {PLACE: OLD}
        if not plan.happened:
            return
    raise AssertionError("an upload makes more calls than were tried")


@pytest.mark.parametrize("mode", ["crash", "crash after"])
def test_an_upload_that_a_crash_ended_is_cleared_up(tmp_path: Path, mode: Mode) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        try:
            library.services(plan).upload(OLD)
        except Crash:
            pass
        else:
            return
        library.services().revisions.clear_up()
        library.grow_old()
        library.services().revisions.clear_up()
        for document in library.documents.all():
            if document.status is DocumentStatus.READY:
                assert library.found() == {PLACE: OLD}
                assert texts(library)
            else:
                assert document.status is DocumentStatus.FAILED
                assert document.error == "interrupted"
        if not any(d.status is DocumentStatus.READY for d in library.documents.all()):
            assert library.found() == {}
            assert texts(library) == []
        library.services().upload(NEW, replacing=True)
        _check_whole(library, {NEW})
    raise AssertionError("an upload makes more calls than were tried")


def _check_whole(library: Library, contents: set[bytes]) -> None:
    """One ready document, its own chunks, its own bytes, nothing else."""
    [document] = library.documents.all()
    [(place, data)] = library.found().items()
    assert data in contents
    assert document.status is DocumentStatus.READY
    assert document.filepath == place
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    found = library.chunks.list_for_document(document.id, document.revision)
    assert len(found) == document.chunks > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_replacement_that_fails_anywhere_is_the_old_one_or_the_new(
    tmp_path: Path, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        library.services().upload(OLD)
        try:
            library.services(plan).upload(NEW, replacing=True)
        except (StoreUnavailable, Crash):
            assert plan.happened
        [document] = library.documents.all()
        assert library.chunks.list_for_document(document.id, document.revision)
        library.grow_old()
        library.services().revisions.clear_up()
        _check_whole(library, {OLD, NEW})
        version = library.assistants.get("a1")
        assert version
        is_new = document.sha256 == hashlib.sha256(NEW).hexdigest()
        assert version.knowledge_version >= (2 if is_new else 1)
        library.services().upload(NEW, replacing=True)
        _check_whole(library, {NEW})
        [document] = library.documents.all()
        assert {c.revision for c in library.chunks.all()} == {document.revision}
        if not plan.happened:
            return
    raise AssertionError("a replacement makes more calls than were tried")


@pytest.mark.parametrize("mode", MODES)
def test_a_deletion_that_fails_anywhere_may_be_repeated(
    tmp_path: Path, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        made = library.services().upload(OLD)
        try:
            library.services(plan).documents.delete(OWNER, made.id)
        except (StoreUnavailable, Crash):
            if library.documents.all():
                library.services().documents.delete(OWNER, made.id)
        assert _is_nothing(library)
        if not plan.happened:
            return
    raise AssertionError("a deletion makes more calls than were tried")


def test_what_is_being_worked_on_is_not_cleared_up(library: Library) -> None:
    plan = Plan()
    for call in ("DocumentFiles.stage", "FakeChunks.add", "DocumentFiles.commit"):
        plan.hooks[call] = library.services().revisions.clear_up

    made = library.services(plan).upload(OLD)

    assert made.status is DocumentStatus.READY
    assert library.found() == {PLACE: OLD}
    assert made.created_at == NOW
