"""Documents made searchable in the background."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.extraction.extract import Extract, ExtractionFailed
from app.models.document import Document, DocumentStatus
from app.services.workers import TryAgain
from tests.support.faults import Crash, Plan
from tests.support.library import OWNER, Library, Services, indexer, job_of, only
from tests.support.made import chunk

PLACE = "a1/knowledge/hours.md"
OLD, NEW = b"Open from nine to five.", b"Open from ten to four.\n\nClosed on Sunday."
BROKEN = b"PK\x03\x04 no zip"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def texts(library: Library) -> list[str]:
    return [found.text for found in library.chunks.all()]


def is_whole(library: Library, content: bytes) -> bool:
    document = only(library)
    found = library.chunks.all()
    return (
        document.status is DocumentStatus.READY
        and document.indexed == document.revision
        and texts(library) == [content.decode()]
        and {one.revision for one in found} == {document.revision}
        and library.found() == {PLACE: content}
    )


def never() -> bool:
    return False


def test_what_is_indexed_is_searchable_with_its_place_in_the_text(
    services: Services, library: Library
) -> None:
    paragraphs = [f"Rule {n}: " + "gifts are wrapped. " * 20 for n in range(40)]
    text = "# Rules\n\n" + "\n\n".join(paragraphs)

    made = services.upload_and_index(text.encode())

    assert (made.status, made.progress, made.error) == (DocumentStatus.READY, 1.0, None)
    assert (made.indexed, made.pages) == (made.revision, None)
    chunks = library.chunks.list_for_document(made.id, made.revision)
    assert len(chunks) == made.chunks > 10
    assert [found.position for found in chunks] == list(range(len(chunks)))
    for found in chunks:
        assert text[found.start : found.start + len(found.text)] == found.text
        assert (found.heading, found.pages) == ("Rules", ())
    assert list(library.index.keys.values()) == [[found.text for found in chunks]]
    changed = library.assistants.get("a1")
    assert changed
    assert changed.knowledge_version == 1


def test_a_chunk_knows_the_pages_that_it_stands_on(
    services: Services, library: Library
) -> None:
    made = services.upload(OLD)
    text = "One.\n\nTwo.\n\n" + "Three. " * 400
    extract = Extract(text, pages=((0, 1), (6, 2), (12, 3)))

    indexer(library, extract=lambda *_, **__: extract).run(job_of(made), never)

    assert only(library).pages == 3
    chunks = library.chunks.list_for_document(made.id, made.revision)
    assert chunks[0].pages == ((0, 1), (6, 2))
    assert {found.page for found in chunks[1:]} == {3}


def test_what_cannot_be_read_has_failed_with_its_reason(
    services: Services, library: Library
) -> None:
    failed = services.upload_and_index(BROKEN, filename="hours.docx")

    assert (failed.status, failed.error) == (DocumentStatus.FAILED, "broken")
    assert (failed.indexed, failed.chunks) == (None, 0)
    assert library.documents.ready_keys("a1") == set()


@pytest.mark.parametrize("reason", ["too_slow", "no_text"])
def test_a_replacement_that_cannot_be_read_leaves_the_old_one_searchable(
    services: Services, library: Library, reason: str
) -> None:
    def fail(*_: object, **__: object) -> Extract:
        raise ExtractionFailed(reason)

    old = services.upload_and_index(OLD)
    new = services.upload(NEW, replacing=True)

    indexer(library, extract=fail).run(job_of(new), never)

    failed = only(library)
    assert (failed.status, failed.error) == (DocumentStatus.FAILED, reason)
    assert (failed.revision, failed.indexed) == (new.revision, old.revision)
    assert failed.chunks == old.chunks
    assert library.documents.ready_keys("a1") == {old.search_key}
    assert texts(library) == [OLD.decode()]


def test_a_text_without_a_piece_is_empty(services: Services, library: Library) -> None:
    made = services.upload(OLD)

    indexer(library, extract=lambda *_, **__: Extract(" \n")).run(job_of(made), never)

    assert (only(library).status, only(library).error) == ("failed", "empty")


def test_bytes_that_are_on_their_way_are_waited_for(library: Library) -> None:
    library.services().upload_and_index(OLD)
    services, dying = library.services(), Plan()

    def die() -> None:
        raise Crash

    dying.hooks["FakeDocuments.replace"] = die
    with pytest.raises(Crash):
        library.services(dying).upload(NEW, replacing=True)
    new = only(library)
    with pytest.raises(TryAgain):
        services.indexer.run(job_of(new), never)
    assert texts(library) == [OLD.decode()]

    library.files.commit("a1", new.revision, PLACE)
    services.indexer.run(job_of(new), never)

    assert is_whole(library, NEW)


@pytest.mark.parametrize("others", [b"Somebody else's.", None])
def test_bytes_that_are_lost_are_asked_for_again(
    services: Services, library: Library, others: bytes | None
) -> None:
    services.upload(OLD)
    if others is None:
        (library.root / PLACE).unlink()
    else:
        (library.root / PLACE).write_bytes(others)

    services.index()

    assert (only(library).status, only(library).error) == ("failed", "interrupted")
    assert texts(library) == []


def searchable(library: Library) -> list[str]:
    """Return what is found of each document: it must be one piece."""
    return [
        "\n".join(
            one.text for one in library.chunks.list_for_document(*key.split(":")[:2])
        )
        for key in library.documents.ready_keys("a1")
    ]


def calls_of_an_indexing(library: Library) -> list[str]:
    """Return what it calls, each name once, for a replacement."""
    library.services().upload_and_index(b"Closed.", filename="other.md")
    library.services().upload(OLD, filename="other.md", replacing=True)
    plan = Plan()
    library.services(plan).index()
    document = only(library)
    library.services().documents.delete(OWNER, document.id)
    return list(dict.fromkeys(plan.calls))


Meanwhile = Callable[[Services, Document], object]
THIRD = b"Open at night."


@pytest.mark.parametrize(
    ("meanwhile", "content"),
    [
        (lambda s, _: s.upload(THIRD, replacing=True), THIRD),
        (lambda s, _: s.upload_and_index(THIRD, replacing=True), THIRD),
        (lambda s, d: s.documents.index_again(OWNER, d.id), NEW),
        (lambda s, _: s.index(), NEW),
        (lambda s, d: s.documents.delete(OWNER, d.id), None),
    ],
    ids=["replaced", "replaced and indexed", "read again", "run twice", "deleted"],
)
def test_what_happens_while_it_is_indexed_leaves_one_whole_document_or_none(
    library: Library, meanwhile: Meanwhile, content: bytes | None
) -> None:
    for call in calls_of_an_indexing(library):
        plan, quiet = Plan(), library.services()
        quiet.upload_and_index(OLD)
        new = quiet.upload(NEW, replacing=True)
        seen: list[str] = []

        def act(quiet: Services = quiet, new: Document = new) -> None:
            meanwhile(quiet, new)
            seen.extend(searchable(library))  # noqa: B023

        plan.hooks[call] = act
        try:
            library.services(plan).index()
        except TryAgain:
            quiet.indexer.run(job_of(new), never)
        seen += searchable(library)
        quiet.index()

        assert plan.hooks == {}
        whole = {OLD.decode(), NEW.decode(), THIRD.decode()}
        assert content is None or len(seen) == 2
        assert set(seen) <= whole, call
        if content is not None:
            assert is_whole(library, content), call
            quiet.documents.delete(OWNER, new.id)
        assert library.documents.all() == []
        assert (library.found(), texts(library)) == ({}, []), call


def test_what_a_killed_worker_wrote_of_a_replaced_revision_is_removed(
    services: Services, library: Library
) -> None:
    old = services.upload(OLD)
    services.upload_and_index(NEW, replacing=True)
    library.chunks.add([chunk(document_id=old.id, revision=old.revision)])

    services.indexer.run(job_of(old), never)

    assert is_whole(library, NEW)


def test_what_a_killed_worker_wrote_of_a_deleted_document_is_removed(
    services: Services, library: Library
) -> None:
    made = services.upload(OLD)
    services.documents.delete(OWNER, made.id)
    library.chunks.add([chunk(document_id=made.id, revision=made.revision)])

    services.indexer.run(job_of(made), never)

    assert library.chunks.all() == []


def test_a_parked_job_says_so_and_leaves_what_was_searchable(
    services: Services, library: Library
) -> None:
    old = services.upload_and_index(OLD)
    new = services.upload(NEW, replacing=True)

    services.indexer.give_up(job_of(new), "poisoned")

    failed = only(library)
    assert (failed.status, failed.error) == (DocumentStatus.FAILED, "crashed")
    assert failed.indexed == old.revision
    assert texts(library) == [OLD.decode()]


def test_giving_up_does_nothing_to_what_is_done_or_replaced_or_gone(
    services: Services, library: Library
) -> None:
    old = services.upload_and_index(OLD)
    services.indexer.give_up(job_of(old), "poisoned")
    assert only(library) == old

    new = services.upload_and_index(NEW, replacing=True)
    services.indexer.give_up(job_of(old), "poisoned")
    assert only(library) == new
    assert is_whole(library, NEW)

    services.documents.delete(OWNER, old.id)
    services.indexer.give_up(job_of(new), "poisoned")
    assert library.documents.all() == []
