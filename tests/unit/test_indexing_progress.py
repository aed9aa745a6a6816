"""What an indexing tells while it runs, and how it ends with its process."""

import time
from pathlib import Path

import pytest

from app.extraction.extract import Extract
from app.models.document import DocumentStatus
from app.services.knowledge.indexing import OnProgress
from app.services.workers import Interrupted
from tests.support.faults import Plan, faulty
from tests.support.library import Library, indexer, job_of, only

OLD = b"Open from nine to five."


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


def never() -> bool:
    return False


def progress_told(
    library: Library, monkeypatch: pytest.MonkeyPatch, name: str
) -> list[tuple[float, int | None]]:
    """Index four parts of a document, a second each; return what is told."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    told: list[tuple[float, int | None]] = []

    def extract(_path: Path, _extension: str, *, on_progress: OnProgress) -> Extract:
        for done in range(5):
            on_progress(done, 4)
            found = only(library)
            assert found.status is DocumentStatus.PROCESSING
            told.append((found.progress, found.pages))
        return Extract("Nine to five.", pages=((0, 1),))

    data = b"%PDF-1.7" if name.endswith("pdf") else OLD
    made = library.services().upload(data, filename=name)
    indexer(library, extract=extract).run(job_of(made), never)
    return told


def test_progress_is_told_with_the_pages(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress_told(library, monkeypatch, "a.pdf") == [
        (0.0, 4),
        (0.2, 4),
        (0.4, 4),
        (0.6, 4),
        (0.8, 4),
    ]


def test_rows_are_no_pages(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    told = progress_told(library, monkeypatch, "a.csv")

    assert {pages for _, pages in told} == {None}
    assert told[-1] == (0.8, None)


def test_progress_goes_to_the_store_a_few_times_a_second_at_the_most(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    plan = Plan()
    made = library.services().upload(OLD)

    def extract(_path: Path, _extension: str, *, on_progress: OnProgress) -> Extract:
        for done in range(1000):
            on_progress(done, 1000)
        return Extract("Nine to five.")

    documents = faulty(library.documents, plan)
    indexer(library, documents=documents, extract=extract).run(job_of(made), never)

    assert "FakeDocuments.note_progress" not in plan.calls
    assert only(library).status is DocumentStatus.READY


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_process_that_stops_is_not_kept_waiting(library: Library, steps: int) -> None:
    made = library.services().upload(OLD)
    looks = iter([False] * steps + [True] * 10)

    def extract(_path: Path, _extension: str, *, on_progress: OnProgress) -> Extract:
        for done in range(2):
            on_progress(done, 2)
        return Extract("Nine to five.")

    with pytest.raises(Interrupted):
        indexer(library, extract=extract).run(job_of(made), lambda: next(looks))

    assert library.documents.ready_keys("a1") == set()
    library.services().index()
    assert only(library).status is DocumentStatus.READY
