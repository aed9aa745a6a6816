"""Whatever fails, and wherever it does: a document is old or new, never half."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import AppError, StorageFull, StoreUnavailable
from app.models.document import Document, DocumentStatus
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.library import OWNER, Library

PLACE = "a1/knowledge/hours.md"
OLD, NEW = b"Open from nine to five.", b"Open from ten to four.\n\nClosed on Sunday."
MOST_CALLS = 40
TROUBLE = (StoreUnavailable, Crash)


def attempts(folder: Path, mode: Mode) -> Iterator[tuple[Library, Plan]]:
    """Yield a library of its own for each call that may fail, until none did."""
    for at in range(1, MOST_CALLS):
        library, plan = Library(folder / str(at)), Plan(at, mode)
        yield library, plan
        if not plan.happened:
            return
    raise AssertionError("there are more calls than were tried")


def settle(library: Library) -> None:
    """Let the next process clear up, and do what waits."""
    library.grow_old()
    services = library.services()
    services.revisions.clear_up()
    services.index()
    assert library.queue.waiting == {}


def is_nothing(library: Library) -> bool:
    return not (
        library.documents.all()
        or library.found()
        or library.chunks.all()
        or library.queue.waiting
    )


def searchable(library: Library) -> bytes | None:
    """Return what a question finds: the whole of a revision, or nothing."""
    keys = library.documents.ready_keys("a1")
    if not keys:
        return None
    [(document_id, revision)] = [key.split(":")[:2] for key in keys]
    [chunk] = library.chunks.list_for_document(document_id, revision)
    return chunk.text.encode()


def check_whole(library: Library, content: bytes) -> Document:
    """One ready document, its own chunks, its own bytes, nothing else."""
    [document] = library.documents.all()
    assert library.found() == {PLACE: content}
    assert (document.status, document.error) == (DocumentStatus.READY, None)
    assert (document.filepath, document.indexed) == (PLACE, document.revision)
    assert document.sha256 == hashlib.sha256(content).hexdigest()
    assert searchable(library) == content
    assert len(library.chunks.all()) == document.chunks
    return document


def version(library: Library) -> int:
    found = library.assistants.get("a1")
    assert found
    return found.knowledge_version


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
            assert is_nothing(library), plan.calls[at - 1]
            library.services().upload(OLD)
        library.services().index()
        check_whole(library, OLD)
        if not plan.happened:
            return
    raise AssertionError("an upload makes more calls than were tried")


@pytest.mark.parametrize("mode", ["crash", "crash after"])
def test_an_upload_that_a_crash_ended_is_finished_or_cleared_up(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        try:
            library.services(plan).upload(OLD)
        except Crash:
            library.services().revisions.clear_up()
        settle(library)
        if any(d.status is DocumentStatus.READY for d in library.documents.all()):
            check_whole(library, OLD)
        else:
            assert {d.error for d in library.documents.all()} <= {"interrupted"}
            assert library.found() == {}
            assert library.chunks.all() == []
        library.services().upload(NEW, replacing=True)
        library.services().index()
        check_whole(library, NEW)


@pytest.mark.parametrize("mode", MODES)
def test_an_indexing_that_fails_anywhere_is_done_again(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        library.services().upload(OLD)
        try:
            library.services(plan).index()
        except TROUBLE:
            assert plan.happened
        assert searchable(library) in {None, OLD}
        library.services().index()
        check_whole(library, OLD)
        assert version(library) >= 1


@pytest.mark.parametrize("mode", MODES)
def test_a_replacement_that_fails_anywhere_is_the_old_one_or_the_new(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        library.services().upload_and_index(OLD)
        try:
            library.services(plan).upload(NEW, replacing=True)
        except TROUBLE:
            assert plan.happened
        assert searchable(library) == OLD
        settle(library)
        [document] = library.documents.all()
        is_new = document.sha256 == hashlib.sha256(NEW).hexdigest()
        check_whole(library, NEW if is_new else OLD)
        assert version(library) >= (2 if is_new else 1)
        library.services().upload(NEW, replacing=True)
        library.services().index()
        check_whole(library, NEW)


@pytest.mark.parametrize("mode", MODES)
def test_the_indexing_of_a_replacement_that_fails_anywhere_is_done_again(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        library.services().upload_and_index(OLD)
        library.services().upload(NEW, replacing=True)
        before = version(library)
        try:
            library.services(plan).index()
        except TROUBLE:
            assert plan.happened
        assert searchable(library) in {OLD, NEW}
        library.services().index()
        check_whole(library, NEW)
        assert version(library) > before


@pytest.mark.parametrize("mode", MODES)
def test_a_reindexing_that_fails_anywhere_keeps_what_is_searchable(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        made = library.services().upload_and_index(OLD)
        services = library.services(plan)
        try:
            services.documents.index_again(OWNER, made.id)
            services.index()
        except TROUBLE:
            assert plan.happened
        assert searchable(library) == OLD
        settle(library)
        check_whole(library, OLD)


@pytest.mark.parametrize("mode", MODES)
def test_a_deletion_that_fails_anywhere_may_be_repeated(
    tmp_path: Path, mode: Mode
) -> None:
    for library, plan in attempts(tmp_path, mode):
        made = library.services().upload_and_index(OLD)
        library.services().documents.index_again(OWNER, made.id)
        try:
            library.services(plan).documents.delete(OWNER, made.id)
        except TROUBLE:
            assert searchable(library) in {None, OLD}
            if library.documents.all():
                library.services().documents.delete(OWNER, made.id)
        assert is_nothing(library)


def test_what_is_being_worked_on_is_not_cleared_up(tmp_path: Path) -> None:
    library, plan = Library(tmp_path), Plan()
    calls = ("DocumentFiles.stage", "DocumentFiles.commit", "FakeChunks.add")
    for call in calls:
        plan.hooks[call] = library.services().revisions.clear_up
    services = library.services(plan)

    services.upload(OLD)
    services.index()

    assert plan.hooks == {}
    check_whole(library, OLD)


def test_what_another_process_clears_up_at_the_same_time_is_no_error(
    tmp_path: Path,
) -> None:
    library, plan = Library(tmp_path), Plan()
    library.services().upload_and_index(OLD)
    dying = Plan()

    def die() -> None:
        raise Crash

    dying.hooks["FakeDocuments.replace"] = die
    with pytest.raises(Crash):
        library.services(dying).upload(NEW, replacing=True)
    library.grow_old()
    plan.hooks["FakeDocuments.find_by_revision"] = library.services().revisions.clear_up

    library.services(plan).revisions.clear_up()

    library.services().index()
    check_whole(library, NEW)
