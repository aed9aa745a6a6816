"""What those who watch an assistant's documents are told, and when."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import AppError
from app.extraction.extract import Extract
from app.models.document import Document, DocumentStatus
from app.services.knowledge.indexing import OnProgress
from app.services.workers import TryAgain
from tests.support.faults import Plan
from tests.support.library import OWNER, Library, Services, indexer, job_of, only

OLD, NEW = b"Open from nine to five.", b"Open from ten to four."
QUEUED = (DocumentStatus.QUEUED, 0.0, None)
PROCESSING = (DocumentStatus.PROCESSING, 0.0, None)
READY = (DocumentStatus.READY, 1.0, None)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def never() -> bool:
    return False


def test_a_document_is_told_from_its_upload_to_its_end(
    services: Services, library: Library
) -> None:
    services.upload(OLD)
    assert library.watchers.shown() == [QUEUED]

    services.index()

    assert library.watchers.shown() == [QUEUED, PROCESSING, READY]
    assert library.watchers.seen[-1] == only(library)


def test_a_replacement_and_another_reading_are_told(
    services: Services, library: Library
) -> None:
    made = services.upload_and_index(OLD)
    library.watchers.seen.clear()

    services.upload_and_index(NEW, replacing=True)
    services.documents.index_again(OWNER, made.id)
    services.index()

    assert library.watchers.shown() == [QUEUED, PROCESSING, READY] * 2


def test_a_failure_is_told_with_its_reason(
    services: Services, library: Library
) -> None:
    services.upload_and_index(b"PK\x03\x04 no zip", filename="hours.docx")

    assert library.watchers.shown()[1:] == [
        PROCESSING,
        (DocumentStatus.FAILED, 0.0, "broken"),
    ]


def test_a_parked_job_is_told(services: Services, library: Library) -> None:
    made = services.upload(OLD)

    services.indexer.give_up(job_of(made), "poisoned")

    assert library.watchers.shown()[-1] == (DocumentStatus.FAILED, 0.0, "crashed")


def test_progress_is_told_with_the_pages(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))

    def extract(_path: Path, _extension: str, *, on_progress: OnProgress) -> Extract:
        for done in range(1, 4):
            on_progress(done, 4)
        return Extract("Nine to five.", pages=((0, 1),))

    made = library.services().upload(b"%PDF-1.7", filename="hours.pdf")
    indexer(library, extract=extract).run(job_of(made), never)

    seen = [one for one in library.watchers.seen if one and one.pages == 4]
    assert [one.progress for one in seen] == [0.2, 0.4, 0.6, 1.0]


def test_who_watches_is_told_that_a_document_is_gone_and_of_nothing_before(
    services: Services, library: Library
) -> None:
    made = services.upload_and_index(OLD)
    library.watchers.seen.clear()

    services.documents.delete(OWNER, made.id)

    assert library.watchers.shown() == [None]


def test_the_prompt_is_told_as_it_comes_changes_and_goes(
    services: Services, library: Library
) -> None:
    for text in ("Be kind.", "Be brief.", ""):
        services.prompts.set("a1", text)

    sizes = [one.size if one else None for one in library.watchers.seen]
    assert sizes == [len("Be kind."), len("Be brief."), None]


def test_an_upload_that_a_crash_interrupted_is_told_as_failed(
    services: Services, library: Library
) -> None:
    services.upload(OLD)
    library.files.remove(only(library).filepath)
    library.grow_old()

    services.revisions.clear_up()

    assert library.watchers.shown()[-1] == (DocumentStatus.FAILED, 0.0, "interrupted")


Act = Callable[[Services, Document], object]
ACTS: dict[str, Act] = {
    "upload": lambda s, _: s.upload(OLD, filename="other.md"),
    "replacement": lambda s, _: s.upload(NEW, replacing=True),
    "another reading": lambda s, d: s.documents.index_again(OWNER, d.id),
    "indexing": lambda s, d: s.indexer.run(job_of(d), never),
    "removal": lambda s, d: s.documents.delete(OWNER, d.id),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_whatever_fails_the_last_that_is_told_is_what_there_is(
    tmp_path: Path, act: Act
) -> None:
    for call in range(1, 100):
        library = Library(tmp_path / str(call))
        quiet = library.services()
        made = quiet.upload(OLD)
        if act is not ACTS["indexing"]:
            quiet.index()
        before = library.documents.all()
        library.watchers.seen.clear()
        plan = Plan(call)

        try:
            act(library.services(plan), only(library))
        except (AppError, TryAgain):
            assert plan.happened

        documents = library.documents.all()
        seen = library.watchers.seen
        if documents != before:
            changed = [document for document in documents if document not in before]
            assert seen, call
            assert seen[-1] == (changed[0] if changed else None), call
        if not plan.happened:
            assert call > 5, made
            return
    raise AssertionError("it never came to an end")
