import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from app.errors import StorageFull, StoreUnavailable
from app.models.assistant import Retrieval
from app.models.document import Chunk
from app.models.search import Hit, Neighbour
from app.repositories.search_index import SearchIndex
from app.services.knowledge.retrieval import RetrievalService
from tests.support.knowledge import Library, assistant


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "search.sqlite3"


@pytest.fixture
def index(path: Path) -> Iterator[SearchIndex]:
    found = SearchIndex(path)
    yield found
    found.close()


@pytest.fixture
def retrieval(library: Library, index: SearchIndex) -> RetrievalService:
    return RetrievalService(chunks=library, documents=library, index=index)


def found(
    retrieval: RetrievalService,
    question: str,
    *earlier: str,
    version: int = 1,
    settings: Retrieval | None = None,
) -> list[str]:
    asked = assistant(version=version, retrieval=settings)
    return [
        passage.chunk.text
        for passage in retrieval.find(asked, question, earlier=earlier) or ()
    ]


def test_a_new_process_finds_what_the_store_has(
    library: Library, retrieval: RetrievalService
) -> None:
    library.put("Gift boxes cost ten.")
    assert found(retrieval, "gift") == ["Gift boxes cost ten."]


def test_a_new_version_brings_and_takes_documents(
    library: Library, retrieval: RetrievalService, index: SearchIndex
) -> None:
    library.put("Gift boxes.", filename="a.md")
    library.put("Ribbons.", filename="b.md")
    assert found(retrieval, "gift ribbon")
    library.put("Gift bags.", filename="a.md", revision="r2")
    library.remove("b.md")
    assert found(retrieval, "gift ribbon", version=2) == ["Gift bags."]
    assert index.keys("a1") == {"a.md:r2:"}


def test_the_store_is_asked_once_per_version(
    library: Library, retrieval: RetrievalService
) -> None:
    library.put("Gift boxes.")
    found(retrieval, "gift")
    before = library.comparisons
    for _ in range(5):
        found(retrieval, "gift")
    assert library.comparisons == before
    for _ in range(5):
        found(retrieval, "gift", version=2)
    assert library.comparisons == before + 1


def test_an_assistant_without_documents_costs_no_search(library: Library) -> None:
    broken = RetrievalService(
        chunks=library, documents=library, index=Broken(AssertionError("asked"))
    )
    for _ in range(3):
        assert found(broken, "gift") == []
    assert library.comparisons == 1


def test_a_restart_repairs_an_upload_that_was_cut_short(
    library: Library, retrieval: RetrievalService, index: SearchIndex
) -> None:
    library.put("Gift boxes.", filename="a.md")
    found(retrieval, "gift")
    library.put("Ribbons.", filename="b.md")  # ready, and its version never written
    again = RetrievalService(chunks=library, documents=library, index=index)
    assert found(again, "ribbon") == ["Ribbons."]


def test_a_deleted_index_is_filled_again_at_once(
    library: Library, retrieval: RetrievalService, path: Path
) -> None:
    library.put("Gift boxes.")
    assert found(retrieval, "gift")
    path.unlink()
    assert found(retrieval, "gift") == ["Gift boxes."]


def test_a_chunk_that_is_gone_is_never_returned(
    library: Library, retrieval: RetrievalService
) -> None:
    library.put("Gift boxes.", filename="a.md")
    library.put("Gift ribbons.", filename="b.md")
    assert len(found(retrieval, "gift")) == 2
    library.remove("a.md")
    assert found(retrieval, "gift") == ["Gift ribbons."]


def test_what_another_process_adds_meanwhile_is_not_taken_away(
    library: Library, index: SearchIndex
) -> None:
    class Slow(Library):
        def ready_keys(self, assistant_id: str) -> set[str]:
            key = self.put("Ribbons.", filename="b.md")
            index.add(assistant_id, key, self.list_for_document("b.md", "r1"))
            return super().ready_keys(assistant_id)

    slow = Slow()
    slow.put("Gift boxes.", filename="a.md")
    retrieval = RetrievalService(chunks=slow, documents=slow, index=index)
    assert found(retrieval, "gift")
    assert index.keys("a1") == {"a.md:r1:", "b.md:r1:"}


def test_a_removed_assistant_leaves_nothing_in_the_index(
    library: Library, retrieval: RetrievalService, index: SearchIndex
) -> None:
    library.put("Gift boxes.")
    found(retrieval, "gift")
    retrieval.remove_for_assistant("a1")
    assert index.keys("a1") == set()


def test_settings_bound_number_and_score(
    library: Library, retrieval: RetrievalService
) -> None:
    for number in range(9):
        library.put(f"Gift {number}.", filename=f"{number}.md")
    library.put("Ribbon.", filename="r.md")
    assert len(found(retrieval, "gift", settings=Retrieval(passages=4))) == 4
    assert found(retrieval, "gift ribbon", settings=Retrieval(min_score=0.6)) == [
        "Ribbon."
    ]


@pytest.fixture
def shop(library: Library, retrieval: RetrievalService) -> RetrievalService:
    library.put(
        "# Delivery\n\n## Recife\n\nRecife takes seven days.\n\n"
        "## Manaus\n\nManaus takes ten days.\n\n"
        "## Opening hours\n\nFrom nine to six.\n\n"
        "## Gifts\n\nThe price of a gift box is ten."
    )
    return retrieval


@pytest.mark.parametrize(
    ("question", "earlier", "heading"),
    [
        ("And how much is it?", ["Delivery to Recife?"], "Recife"),
        ("E quanto custa?", ["Obrigado!", "Prazo para Recife?"], "Recife"),
        ("And to Manaus?", ["Delivery to Recife?"], "Manaus"),
        ("What are the opening hours?", ["Delivery to Recife?"], "Opening"),
        ("And the price?", ["Do you have a gift box?", "Recife?"], "Gifts"),
    ],
)
def test_a_follow_up_is_searched_with_what_came_before(
    shop: RetrievalService, question: str, earlier: list[str], heading: str
) -> None:
    assert found(shop, question, *earlier)[0].startswith(f"## {heading}")


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("And are the ribbons wrapped in paper bags?", 2),
        ("Are they wrapped in ribbons or paper bags?", 2),
        ("E as fitas vêm com papel e sacolas?", 2),
        ("Are ribbons wrapped in paper bags?", 1),
        ("É possível embrulhar fitas com papel e sacolas?", 1),
    ],
)
def test_a_long_message_that_points_back_is_helped_too(
    library: Library, retrieval: RetrievalService, question: str, count: int
) -> None:
    library.put("Ribbons and paper bags. Fitas, papel e sacolas.")
    library.put("Vases come from Recife.", filename="vases.md")

    passages = found(retrieval, question, "Where do the vases come from?")

    assert len(passages) == count


def test_a_follow_up_about_something_else_is_not_covered(
    shop: RetrievalService,
) -> None:
    passages = shop.find(
        assistant(), "Do you repair it?", earlier=["Delivery to Recife?"]
    )
    assert passages
    assert all(passage.coverage == 0 for passage in passages)


class Broken:
    """An index whose disk is full or whose file cannot be opened."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def add(self, *_: object) -> None:
        raise self._error

    def remove(self, _: str, keys: Collection[str]) -> None:
        if keys:
            raise self._error

    def keys(self, *_: object) -> set[str]:
        return set()

    def search(self, *_: object, **__: object) -> list[Hit]:
        raise self._error

    def nearest(self, *_: object, **__: object) -> list[Neighbour]:
        raise self._error


@pytest.mark.parametrize("error", [StorageFull(), StoreUnavailable()])
def test_a_chat_goes_on_without_an_index(library: Library, error: Exception) -> None:
    library.put("Gift boxes.")
    retrieval = RetrievalService(chunks=library, documents=library, index=Broken(error))
    assert found(retrieval, "gift") == []
    retrieval.remove_for_assistant("a1")


def test_many_threads_fill_the_index_once(index: SearchIndex) -> None:
    class Counting(Library):
        listed = 0

        def list_for_document(self, document_id: str, revision: str) -> list[Chunk]:
            self.listed += 1
            return super().list_for_document(document_id, revision)

    library = Counting()
    library.put("Gift boxes.")
    retrieval = RetrievalService(chunks=library, documents=library, index=index)
    results: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(found(retrieval, "gift")))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [["Gift boxes."]] * 12
    assert library.listed == 1
