"""The quota of an assistant's documents, also when many come at the same instant."""

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import DocumentQuotaExceeded, StoreUnavailable, TooManyDocuments
from app.models.document import Document, DocumentType
from app.services.knowledge.quotas import DocumentQuota
from tests.support.faults import Plan
from tests.support.library import ADMIN, STRANGER, Library
from tests.support.races import at_once

FILES, MEGABYTE = 3, 1024 * 1024  # of 3 files and 2 MB


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


def test_so_many_files_and_no_more(library: Library) -> None:
    services = library.services()
    services.upload(b"Be kind.", filename="p.md", document_type=DocumentType.PROMPT)
    made = [services.upload(filename=f"{n}.md") for n in range(FILES)]

    with pytest.raises(TooManyDocuments) as refused:
        services.upload(filename="more.md")

    assert (refused.value.status, refused.value.code) == (
        409,
        "document_quota_exceeded",
    )
    assert refused.value.details == {"limit": FILES}
    assert len(library.documents.all()) == FILES + 1
    assert not any("more" in place for place in library.found())
    services.upload(b"Other.", filename="0.md", replacing=True)
    services.upload(caller=STRANGER, assistant_id="a2")
    services.documents.delete(ADMIN, made[1].id)
    services.upload(filename="more.md")


def test_so_many_bytes_and_no_more(library: Library) -> None:
    services = library.services()
    half = b"x" * MEGABYTE
    services.upload(half, filename="1.md")
    services.upload(half, filename="2.md")

    with pytest.raises(DocumentQuotaExceeded):
        services.upload(b"x", filename="3.md")
    services.upload(b"x", filename="2.md", replacing=True)
    services.upload(b"fits", filename="3.md")
    with pytest.raises(DocumentQuotaExceeded):
        services.upload(half, filename="2.md", replacing=True)

    assert sorted(d.size for d in library.documents.all()) == [1, 4, MEGABYTE]
    assert len(library.found()) == 3


def test_what_is_over_a_quota_that_was_lowered_may_shrink(library: Library) -> None:
    for name in ("1.md", "2.md"):
        library.services().upload(b"x" * MEGABYTE, filename=name)
    lowered = DocumentQuota(documents=library.documents, files=1, megabytes=1)

    lowered.check_growing("a1", -1)
    with pytest.raises(DocumentQuotaExceeded):
        lowered.check_growing("a1", 1)


def outcomes(made: list[bool], library: Library) -> int:
    assert len(library.documents.all()) == len(library.found()) == made.count(True)
    return made.count(True)


@pytest.mark.parametrize(("data", "room"), [(b"small", 3), (b"x" * MEGABYTE, 2)])
def test_of_many_at_once_as_many_come_in_as_there_is_room_for(
    library: Library, data: bytes, room: int
) -> None:
    services = library.services()

    def upload(number: int) -> bool:
        try:
            services.upload(data, filename=f"{number}.md")
        except DocumentQuotaExceeded:
            return False
        return True

    assert outcomes(at_once(upload), library) == room


def test_of_two_at_once_one_takes_the_last_place(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = library.services()
    for number in range(FILES - 1):
        services.upload(filename=f"{number}.md")
    add, count, both = (
        library.documents.add,
        library.documents.sizes,
        threading.Barrier(2),
    )

    def add_together(document: Document) -> None:
        add(document)
        with suppress(threading.BrokenBarrierError):  # the other waits for its turn
            both.wait(0.2)

    def count_together(assistant_id: str) -> list[int]:
        found = count(assistant_id)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        return found

    monkeypatch.setattr(library.documents, "add", add_together)
    monkeypatch.setattr(library.documents, "sizes", count_together)

    def upload(number: int) -> bool:
        try:
            services.upload(filename=f"at once {number}.md")
        except TooManyDocuments:
            return False
        return True

    assert at_once(upload, threads=2).count(True) == 1


def test_of_many_processes_at_once_none_goes_beyond(library: Library) -> None:
    def upload(number: int) -> bool:
        try:
            library.services().upload(filename=f"{number}.md")
        except DocumentQuotaExceeded:
            return False
        return True

    assert outcomes(at_once(upload), library) <= FILES


def test_a_file_that_another_process_adds_meanwhile_counts(library: Library) -> None:
    for number in range(FILES - 1):
        library.services().upload(filename=f"{number}.md")
    plan = Plan()
    plan.hooks["DocumentFiles.stage"] = lambda: library.services().upload(
        filename="quicker.md"
    )

    with pytest.raises(TooManyDocuments):
        library.services(plan).upload(filename="slower.md")


def test_a_store_that_cannot_be_counted_takes_nothing(library: Library) -> None:
    plan = Plan()

    def fail() -> None:
        raise StoreUnavailable

    plan.hooks["FakeDocuments.sizes"] = fail

    with pytest.raises(StoreUnavailable):
        library.services(plan).upload()

    assert library.documents.all() == []
    assert library.found() == {}
