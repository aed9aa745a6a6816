"""Whatever else happens to a document in the middle of an upload, its bytes are its."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import DocumentExists, DocumentNotFound
from app.models.document import DocumentStatus
from tests.support.faults import Plan
from tests.support.library import OWNER, Library

OLD, NEW, OTHER = b"Open from nine to five.", b"Open from ten.", b"Closed on Monday."
STEPS = [
    "DocumentFiles.stage",
    "FakeDocuments.add",
    "FakeDocuments.replace",
    "DocumentFiles.commit",
    "FakeQueue.add",
]


def replace(library: Library) -> None:
    library.services().upload(OTHER, replacing=True)


def replace_and_index(library: Library) -> None:
    replace(library)
    library.services().index()


def delete(library: Library) -> None:
    for document in library.documents.all():
        library.services().documents.delete(OWNER, document.id)


def delete_and_add(library: Library) -> None:
    delete(library)
    library.services().upload(OTHER)


def read_again(library: Library) -> None:
    for document in library.documents.all():
        library.services().documents.index_again(OWNER, document.id)


def clear_up(library: Library) -> None:
    library.grow_old()
    library.services().revisions.clear_up()


ACTIONS = [replace, replace_and_index, delete, delete_and_add, read_again]


def interrupt(library: Library, step: str, action: Callable[[Library], None]) -> Plan:
    """Return a plan in which somebody else acts after a step."""
    plan = Plan()

    def act() -> None:
        with suppress(DocumentExists, DocumentNotFound):
            action(library)

    plan.hooks[step] = act
    return plan


def check_whole(library: Library) -> None:
    """Each document is ready, with its own bytes, and there is nothing else."""
    library.services().index()
    documents = library.documents.all()
    files = library.found()
    assert {d.filepath for d in documents} == files.keys()
    for document in documents:
        assert (document.status, document.error) == (DocumentStatus.READY, None)
        assert document.indexed == document.revision
        data = files[document.filepath]
        assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert {c.revision for c in library.chunks.all()} == {d.indexed for d in documents}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_in_the_middle_of_a_replacement(
    tmp_path: Path, step: str, action: Callable[[Library], None]
) -> None:
    library = Library(tmp_path)
    library.services().upload_and_index(OLD)

    with suppress(DocumentExists, DocumentNotFound):
        library.services(interrupt(library, step, action)).upload(NEW, replacing=True)

    check_whole(library)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_in_the_middle_of_an_upload(
    tmp_path: Path, step: str, action: Callable[[Library], None]
) -> None:
    library = Library(tmp_path)

    with suppress(DocumentExists, DocumentNotFound):
        library.services(interrupt(library, step, action)).upload(NEW)

    check_whole(library)


@pytest.mark.parametrize("action", [replace, replace_and_index, read_again, clear_up])
@pytest.mark.parametrize(
    "step", ["FakeDocuments.replace", "FakeQueue.remove", "DocumentFiles.remove"]
)
def test_in_the_middle_of_a_deletion(
    tmp_path: Path, step: str, action: Callable[[Library], None]
) -> None:
    library = Library(tmp_path)
    made = library.services().upload_and_index(OLD)
    plan = interrupt(library, step, action)

    with suppress(DocumentNotFound):
        library.services(plan).documents.delete(OWNER, made.id)

    check_whole(library)


def test_who_replaces_what_is_not_in_its_place_yet_comes_after_it(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path)
    library.services().upload_and_index(OLD)
    plan = interrupt(library, "FakeDocuments.replace", replace)

    library.services(plan).upload(NEW, replacing=True)

    assert plan.hooks == {}
    check_whole(library)
    assert list(library.found().values()) == [OTHER]


def test_an_upload_that_fails_once_it_was_replaced_takes_nothing_away(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path)
    plan = Plan(at=7)
    plan.hooks["FakeDocuments.add"] = lambda: replace(library)
    with suppress(Exception):
        library.services(plan).upload(NEW)

    assert plan.happened
    check_whole(library)
    assert list(library.found().values()) == [OTHER]
