"""The index is brought to what the store says, and no question waits long for it."""

import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.models.assistant import Retrieval
from app.models.document import Chunk
from app.repositories.search_index import SearchIndex
from app.services.knowledge import index_sync as module
from app.services.knowledge.index_sync import IndexSync
from app.services.knowledge.index_tending import EVERY, IndexTending
from app.services.knowledge.retrieval import RetrievalService
from tests.support.conversation import Clock
from tests.support.knowledge import Library, assistant
from tests.support.waiting import until


class Slow(Library):
    """A store whose chunks of documents after the first come when ``go_on`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.listed: list[str] = []

    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
        self.listed.append(document_id)
        if len(self.listed) > 1:
            assert self.go_on.wait(10)
        return super().list_for_document(document_id, revision)


class Versions(dict[str, int]):
    def knowledge_versions(self, assistant_ids: Collection[str]) -> dict[str, int]:
        return {name: self[name] for name in assistant_ids if name in self}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "search.sqlite3"


@pytest.fixture
def index(path: Path) -> Iterator[SearchIndex]:
    made = SearchIndex(path)
    yield made
    made.close()


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go_on.set()


def over(library: Library, index: SearchIndex) -> RetrievalService:
    return RetrievalService(chunks=library, documents=library, index=index)


def found(
    retrieval: RetrievalService, question: str, version: int = 1, **settings: float
) -> list[str] | None:
    asked = assistant(version=version, retrieval=Retrieval(**settings))  # type: ignore[arg-type]
    passages = retrieval.find(asked, question)
    return None if passages is None else [p.chunk.text for p in passages]


def test_a_question_is_answered_of_what_is_in_while_the_rest_is_added(
    slow: Slow, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW", 1)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    slow.put("Gift boxes.", filename="a.md")
    slow.put("Ribbons.", filename="b.md")
    retrieval = over(slow, index)

    assert found(retrieval, "gift") == ["Gift boxes."]
    # Of what may be in the rest, nothing is said.
    assert found(retrieval, "ribbon") is None
    assert found(retrieval, "gift cards sold anywhere", min_score=0.9) is None

    slow.go_on.set()
    until(lambda: found(retrieval, "ribbon") == ["Ribbons."])
    assert found(retrieval, "gift cards sold anywhere", min_score=0.9) == []
    assert slow.listed == ["a.md", "b.md"]


def test_who_comes_when_it_has_been_waited_for_long_does_not_wait(
    slow: Slow, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "PATIENCE", 3600.0)
    slow.put("Gift boxes.", filename="a.md")
    slow.put("Ribbons.", filename="b.md")
    retrieval, clock = over(slow, index), Clock()
    retrieval.sync._monotonic = clock.monotonic
    retrieval.sync.start("a1", 1)
    until(lambda: len(slow.listed) == 2)

    clock.seconds += 3600

    for _ in range(20):  # with a wait each, this would take days
        assert found(retrieval, "gift") == ["Gift boxes."]


def test_what_is_added_during_the_wait_is_found_by_who_waits(
    slow: Slow, index: SearchIndex
) -> None:
    slow.put("Gift boxes.", filename="a.md")
    slow.put("Ribbons.", filename="b.md")
    retrieval = over(slow, index)
    first = threading.Thread(target=found, args=(retrieval, "gift"))
    first.start()
    until(lambda: len(slow.listed) == 2)
    slow.put("Paper.", filename="c.md")
    threading.Timer(0.05, slow.go_on.set).start()

    assert found(retrieval, "paper", version=2) == ["Paper."]
    first.join()


def test_an_index_lost_while_it_is_filled_is_filled_anew(
    slow: Slow, index: SearchIndex, path: Path
) -> None:
    slow.put("Gift boxes.", filename="a.md")
    slow.put("Ribbons.", filename="b.md")
    retrieval = over(slow, index)
    first = threading.Thread(target=found, args=(retrieval, "gift"))
    first.start()
    until(lambda: len(slow.listed) == 2)
    path.unlink()
    slow.go_on.set()
    first.join()

    assert found(retrieval, "gift") == ["Gift boxes."]
    assert found(retrieval, "ribbon") == ["Ribbons."]


def test_what_is_about_to_be_ready_stays_and_what_is_left_behind_goes(
    library: Library, index: SearchIndex
) -> None:
    retrieval = over(library, index)
    library.put("Gift boxes.", filename="a.md")
    coming = library.put("Ribbons.", filename="b.md")
    gone = library.put("Paper.", filename="c.md")
    for key in (coming, gone):
        name = key.partition(":")[0]
        index.add("a1", key, library.list_for_document(name, "r1"))
    library.ready -= {coming, gone}
    library.coming = {coming}

    found(retrieval, "gift")

    assert index.keys("a1") == {"a.md:r1:", coming}


def test_a_slow_process_takes_nothing_away_that_others_know_to_be_ready(
    index: SearchIndex,
) -> None:
    class Overtaken(Library):
        """Between its two looks a document becomes ready, and all others see it."""

        def ready_keys(self, assistant_id: str) -> set[str]:
            before = super().ready_keys(assistant_id) - {key}
            self.coming.discard(key)
            self.ready.add(key)
            assert found(other, "ribbon", version=2) == ["Ribbons."]
            return before

    store, late = Library(), Overtaken()
    key = store.put("Ribbons.", filename="b.md")
    index.add("a1", key, store.list_for_document("b.md", "r1"))
    store.put("Gift boxes.", filename="a.md")
    store.coming = {key}
    for shared in ("chunks", "ready", "coming"):
        setattr(late, shared, getattr(store, shared))
    other = over(store, index)

    found(over(late, index), "gift")

    assert index.keys("a1") == {"a.md:r1:", key}
    assert found(other, "ribbon", version=2) == ["Ribbons."]


def test_a_store_that_fails_in_the_middle_is_asked_again(
    library: Library, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put("Gift boxes.", filename="a.md")
    retrieval = over(library, index)

    def fail(*_: str) -> list[Chunk]:
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(library, "list_for_document", fail)
        assert found(retrieval, "gift") is None

    assert found(retrieval, "gift") == ["Gift boxes."]


def test_closing_ends_what_is_filled(slow: Slow, index: SearchIndex) -> None:
    for n in range(5):
        slow.put("Gift boxes.", filename=f"{n}.md")
    sync = IndexSync(chunks=slow, documents=slow, index=index)
    assert not sync.start("a1", 1)
    until(lambda: len(slow.listed) == 2)
    closing = threading.Thread(target=sync.close)
    closing.start()
    slow.go_on.set()
    closing.join(10)

    assert len(slow.listed) == 2
    assert len(index.keys("a1")) == 2


def test_what_others_deleted_leaves_the_index_without_a_question(
    library: Library, index: SearchIndex
) -> None:
    retrieval = over(library, index)
    versions = Versions(a1=1, a2=1)
    clock = Clock()
    tending = IndexTending(
        assistants=versions, index=index, retrieval=retrieval, monotonic=clock.monotonic
    )
    library.put("Gift boxes.", filename="a.md")
    library.put("Ribbons.", filename="b.md")
    found(retrieval, "gift")
    index.add("a2", "c.md:r1:", [])
    index.add("a deleted assistant", "d.md:r1:", [])
    library.remove("a.md")
    versions["a1"] = 2

    tending.tend()

    assert index.keys("a1") == {"b.md:r1:"}
    assert index.assistants() == {"a1"}
    index.add("a2", "c.md:r1:", [])
    clock.seconds += EVERY - 1
    tending.tend()
    assert index.assistants() == {"a1", "a2"}
    clock.seconds += 1
    versions["a2"] = 2
    tending.tend()
    assert index.assistants() == {"a1"}


def test_what_others_added_is_in_the_index_before_it_is_asked(
    slow: Slow, index: SearchIndex
) -> None:
    retrieval = over(slow, index)
    versions = Versions(a1=1, a2=1)
    clock = Clock()
    tending = IndexTending(
        assistants=versions, index=index, retrieval=retrieval, monotonic=clock.monotonic
    )
    slow.put("Gift boxes.", filename="a.md")
    found(retrieval, "gift")
    slow.put("Ribbons.", filename="b.md")
    versions["a1"] = 2

    tending.tend()
    until(lambda: slow.listed == ["a.md", "b.md"])
    tending.tend()  # while that is under way there is nothing to be done
    slow.go_on.set()
    until(lambda: len(index.keys("a1")) == 2)
    slow.put("Paper.", filename="c.md")
    versions["a1"] = 3
    tending.tend()  # it goes on, as it was not at the end

    assert slow.listed == ["a.md", "b.md", "c.md"]
