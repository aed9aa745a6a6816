"""How often those who watch documents are told."""

from collections.abc import Callable

import pytest

from app.models.document import Document
from app.models.event import DocumentsEvent
from app.services.knowledge import document_watchers
from app.services.knowledge.document_watchers import AT_ONCE, TOGETHER, DocumentWatchers
from tests.support.conversation import Clock
from tests.support.event_processes import eventually
from tests.support.made import document


class Hall:
    """Watchers, what they are told, and a timer that waits for the test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.due: tuple[float, Callable[[], None]] | None = None
        self.threads = True
        self.watchers = DocumentWatchers(
            events=self, monotonic=self.clock.monotonic, start_timer=self.start
        )

    def publish(self, event: DocumentsEvent) -> None:
        self.told.append((event.assistant_id, event.document_ids))

    def start(self, seconds: float, call: Callable[[], None]) -> "Hall":
        if not self.threads:
            raise RuntimeError("can't start new thread")
        assert self.due is None
        self.due = (self.clock.seconds + seconds, call)
        return self

    def cancel(self) -> None:
        self.due = None

    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds
        if self.due and self.due[0] <= self.clock.seconds:
            self.due[1]()

    def change(self, *names: str, assistant_id: str = "a1") -> None:
        for name in names:
            self.watchers.tell(named(name, assistant_id))


def named(name: str, assistant_id: str = "a1") -> Document:
    return document(id=name, assistant_id=assistant_id)


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_what_changes_after_a_silence_is_told_at_once(hall: Hall) -> None:
    for _ in range(3):
        hall.change("d1")
        hall.wait(TOGETHER)

    assert hall.told == [("a1", ("d1",))] * 3
    assert hall.due is None


def test_what_changes_in_half_a_second_is_told_together_and_once(hall: Hall) -> None:
    hall.change("d1", "d2")
    hall.wait(TOGETHER * 0.9)
    hall.change("d1", "d2", "d3", "d2")
    assert hall.told == [("a1", ("d1",))]

    hall.wait(TOGETHER * 0.1)

    assert hall.told[1:] == [("a1", ("d2", "d1", "d3"))]


def test_a_document_that_always_changes_is_told_twice_a_second(hall: Hall) -> None:
    for _ in range(1000):
        hall.change("d1")
        hall.wait(0.01)

    assert len(hall.told) == pytest.approx(10 / TOGETHER, abs=1)


def test_assistants_are_told_apart(hall: Hall) -> None:
    hall.change("d1")
    hall.change("d2")
    hall.change("d3", assistant_id="a2")

    hall.wait(TOGETHER)

    assert hall.told == [("a1", ("d1",)), ("a1", ("d2",)), ("a2", ("d3",))]


def test_a_thousand_documents_are_a_few_events(hall: Hall) -> None:
    names = [f"d{number}" for number in range(1000)]
    for name in names:
        hall.change(name)

    hall.wait(TOGETHER)

    sizes = [len(documents) for _, documents in hall.told]
    assert max(sizes) == AT_ONCE
    assert len(sizes) <= 1 + 1000 / AT_ONCE
    assert [name for _, documents in hall.told for name in documents] == names


def test_the_end_of_the_process_tells_what_is_left(hall: Hall) -> None:
    hall.change("d1", "d2")

    hall.watchers.flush()

    assert hall.told == [("a1", ("d1",)), ("a1", ("d2",))]
    assert hall.due is None


def test_without_a_thread_it_is_told_at_once(hall: Hall) -> None:
    hall.threads = False

    hall.change("d1", "d2", "d1")

    assert hall.told == [("a1", ("d1",)), ("a1", ("d2",)), ("a1", ("d1",))]


def test_it_is_told_by_itself(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_watchers, "TOGETHER", 0.01)
    watchers = DocumentWatchers(events=hall)

    for name in ("d1", "d2", "d1"):
        watchers.tell(named(name))

    assert hall.told[0] == ("a1", ("d1",))
    eventually(lambda: any("d2" in names for _, names in hall.told))
