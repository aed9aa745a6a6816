"""Documents replaced and read again: what is searchable meanwhile, and after it."""

from pathlib import Path

import pytest

from app.errors import DocumentExists
from app.models.document import DocumentStatus, DocumentType
from tests.support.faults import Plan
from tests.support.library import OWNER, Library, Services, only

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


def test_a_name_that_is_there_is_refused_unless_it_is_replaced(
    services: Services, library: Library
) -> None:
    old = services.upload_and_index(OLD)

    with pytest.raises(DocumentExists):
        services.upload(NEW)
    assert library.found() == {PLACE: OLD}

    new = services.upload_and_index(NEW, replacing=True)
    assert (new.id, new.filepath) == (old.id, old.filepath)
    assert new.revision != old.revision
    assert library.documents.all() == [new]
    assert library.found() == {PLACE: NEW}
    assert {c.revision for c in library.chunks.all()} == {new.revision}
    assert texts(library)[0].startswith("Open from ten")


def test_replacing_what_is_not_there_adds_it(services: Services) -> None:
    assert services.upload_and_index(OLD, replacing=True).chunks == 1


def test_what_is_there_already_is_not_read_again(
    services: Services, library: Library
) -> None:
    old = services.upload_and_index(OLD)

    assert services.upload(OLD, replacing=True) == old
    assert library.queue.waiting == {}


def test_what_could_not_be_read_is_read_again(
    services: Services, library: Library
) -> None:
    failed = services.upload_and_index(b"PK\x03\x04 no zip", filename="hours.docx")
    assert failed.status is DocumentStatus.FAILED

    again = services.upload(b"PK\x03\x04 no zip", filename="hours.docx", replacing=True)

    assert (again.status, again.error) == (DocumentStatus.QUEUED, None)
    assert list(library.queue.waiting.values()) == [failed.id]


def test_replacing_what_is_indexed_this_moment_keeps_what_is_searchable(
    library: Library,
) -> None:
    services = library.services()
    old = services.upload(OLD)
    plan = Plan()
    plan.hooks["DocumentFiles.stage"] = services.index

    new = library.services(plan).upload(NEW, replacing=True)

    assert (new.indexed, new.chunks) == (old.revision, 1)
    assert only(library).search_key == f"{old.id}:{old.revision}:"
    assert texts(library) == [OLD.decode()]


def test_of_two_who_replace_at_the_same_instant_one_succeeds(library: Library) -> None:
    library.services().upload_and_index(OLD)
    plan = Plan()
    plan.hooks["DocumentFiles.stage"] = lambda: library.services().upload(
        NEW, replacing=True
    )

    with pytest.raises(DocumentExists):
        library.services(plan).upload(b"Closed.", replacing=True)

    library.services().index()
    assert library.found() == {PLACE: NEW}
    assert texts(library)[0].startswith("Open from ten")


def test_nobody_sees_half_of_a_replacement(library: Library) -> None:
    old = library.services().upload_and_index(OLD)
    plan = Plan()
    seen: list[tuple[set[str], list[str]]] = []

    def look() -> None:
        keys = library.documents.ready_keys("a1")
        [(document_id, revision)] = [key.split(":")[:2] for key in keys]
        found = library.chunks.list_for_document(document_id, revision)
        seen.append((keys, [chunk.text for chunk in found]))

    steps = ["DocumentFiles.stage", "DocumentFiles.commit", "FakeQueue.add"]
    steps += ["FakeChunks.add", "FakeIndex.add"]
    for call in steps:
        plan.hooks[call] = look
    services = library.services(plan)
    new = services.upload(NEW, replacing=True)
    services.index()
    look()

    before = ({old.search_key}, [OLD.decode()])
    assert seen == [before] * len(steps) + [
        ({f"{old.id}:{new.revision}:"}, [NEW.decode()])
    ]


def test_a_document_is_read_again_on_demand(
    services: Services, library: Library
) -> None:
    made = services.upload_and_index(OLD)

    again = services.documents.index_again(OWNER, made.id)

    assert (again.status, again.progress) == (DocumentStatus.QUEUED, 0.0)
    assert again.indexed == made.indexed
    assert texts(library) == [OLD.decode()]
    services.index()
    found = services.documents.get(OWNER, made.id)
    assert (found.status, found.indexed) == (DocumentStatus.READY, again.revision)
    assert {chunk.revision for chunk in library.chunks.all()} == {again.revision}
    assert texts(library) == [OLD.decode()]


def test_what_waits_already_is_not_queued_twice(
    services: Services, library: Library
) -> None:
    made = services.upload(OLD)
    library.queue.waiting.clear()  # as if its job were lost

    for _ in range(2):
        assert services.documents.index_again(OWNER, made.id) == made

    assert list(library.queue.waiting.values()) == [made.id]


def test_a_prompt_is_not_read_again(services: Services, library: Library) -> None:
    prompt = services.upload(b"Be kind.", document_type=DocumentType.PROMPT)

    assert services.documents.index_again(OWNER, prompt.id) == prompt
    assert library.queue.waiting == {}
