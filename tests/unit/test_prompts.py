"""The instructions and the prompt's file say the same."""

from pathlib import Path

import pytest

from app.errors import AssistantNotFound, StorageFull, StoreUnavailable
from app.models.document import DocumentStatus, DocumentType
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.library import Library, Services

MOST_CALLS = 40


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def instructions(library: Library) -> str:
    found = library.assistants.get("a1")
    assert found
    return found.instructions


def check_same(library: Library) -> None:
    """Instructions, record and file agree, and nothing is pending."""
    text = instructions(library)
    assert library.assistants.with_prompt_pending() == []
    files, records = library.found(), library.documents.all()
    if not text:
        assert files == {}
        assert records == []
        return
    [record] = records
    assert files == {record.filepath: text.encode()}
    assert record.type is DocumentType.PROMPT
    assert record.status is DocumentStatus.READY
    assert record.size == len(text.encode())


def test_a_prompt_has_a_file_and_a_record(services: Services, library: Library) -> None:
    changed = services.prompts.set("a1", "Seja breve. 😀")

    assert changed.instructions == "Seja breve. 😀"
    check_same(library)
    [record] = library.documents.all()
    assert (record.filename, record.filepath) == ("prompt.txt", "a1/prompt.txt")


def test_a_new_prompt_takes_the_place_of_the_old(
    services: Services, library: Library
) -> None:
    services.prompts.set("a1", "One", filename="mine.md")
    [first] = library.documents.all()
    assert first.filepath == "a1/prompt.md"

    services.prompts.set("a1", "Two")
    [second] = library.documents.all()
    assert (second.id, second.filename) == (first.id, "mine.md")
    assert second.revision != first.revision
    check_same(library)

    services.prompts.set("a1", "Three", filename="other.txt")
    assert list(library.found()) == ["a1/prompt.txt"]
    check_same(library)


def test_an_empty_prompt_has_neither(services: Services, library: Library) -> None:
    services.prompts.set("a1", "")
    check_same(library)
    services.prompts.set("a1", "One")
    services.prompts.set("a1", "")
    check_same(library)


def test_nobody_has_no_prompt(services: Services, library: Library) -> None:
    with pytest.raises(AssistantNotFound):
        services.prompts.set("none", "One")
    assert library.found() == {}


@pytest.mark.parametrize(
    ("before", "filename", "after"),
    [
        ("", None, "New"),
        ("Old", None, "New"),
        ("Old", "new.md", "New"),
        ("Old", None, ""),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_a_change_that_fails_anywhere_is_finished(
    tmp_path: Path, mode: Mode, before: str, filename: str | None, after: str
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        library.services().prompts.set("a1", before)
        try:
            library.services(plan).prompts.set("a1", after, filename=filename)
        except (StoreUnavailable, Crash):
            assert plan.happened
        library.services().prompts.finish_pending()
        assert instructions(library) in {before, after}
        library.grow_old()
        library.services().revisions.clear_up()
        check_same(library)
        if not plan.happened:
            assert instructions(library) == after
            return
    raise AssertionError("a change makes more calls than were tried")


def test_what_is_finished_twice_is_finished_once(
    services: Services, library: Library
) -> None:
    library.assistants.set_instructions(
        "a1", "Pending", filename="a.txt", now=library.clock.now()
    )
    for _ in range(2):
        services.prompts.finish_pending()

    check_same(library)


def test_a_full_disk_keeps_the_prompt_and_its_mark(library: Library) -> None:
    plan = Plan()
    services = library.services(plan)
    services.prompts.set("a1", "Old")
    plan._at, plan._error = len(plan.calls) + 4, StorageFull  # at the staging

    with pytest.raises(StorageFull):
        services.prompts.set("a1", "New")

    assert plan.calls[-1] == "DocumentFiles.stage"
    assert instructions(library) == "New"
    assert library.found() == {"a1/prompt.txt": b"Old"}
    services.prompts.finish_pending()
    check_same(library)


@pytest.mark.parametrize(
    "call",
    [
        "FakeAssistants.set_instructions",
        "FakeDocuments.find_prompt",
        "DocumentFiles.stage",
        "DocumentFiles.commit",
        "FakeDocuments.replace",
        "FakeAssistants.prompt_written",
    ],
)
@pytest.mark.parametrize("before", ["", "Old"])
@pytest.mark.parametrize(
    ("theirs", "filename"), [("Theirs", None), ("Theirs", "x.md"), ("", None)]
)
def test_of_two_changes_at_once_the_file_holds_the_one_that_counts(
    library: Library, call: str, before: str, theirs: str, filename: str | None
) -> None:
    library.services().prompts.set("a1", before)
    plan = Plan()
    plan.hooks[call] = lambda: library.services().prompts.set(
        "a1", theirs, filename=filename
    )

    library.services(plan).prompts.set("a1", "Ours")

    check_same(library)


def test_the_prompt_of_a_deleted_assistant_is_not_written(
    services: Services, library: Library
) -> None:
    now = library.clock.now()
    library.assistants.set_instructions("a1", "Late", filename="a.txt", now=now)
    library.assistants.mark_deleted("a1", now=now)

    services.prompts.finish_pending()

    assert library.found() == {}
