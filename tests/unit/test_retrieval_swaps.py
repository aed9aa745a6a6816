"""Documents replaced while they are searched: old or new, never a mixture."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.models.assistant import Retrieval
from app.models.document import Chunk
from app.repositories.search_index import SearchIndex
from app.services.knowledge.retrieval import RetrievalService
from tests.support.knowledge import Library, assistant

OLD = "# One\n\nGift boxes of wood.\n\n# Two\n\nGift boxes are brown.\n"
NEW = "# One\n\nGift bags of paper.\n\n# Two\n\nGift bags are green.\n"


class Replaced(Library):
    """A document is replaced between the index's answer and its chunks'."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def find_by_ids(self, assistant_id: str, ids: Sequence[str]) -> dict[str, Chunk]:
        if self.times:
            self.times -= 1
            found = super().find_by_ids(assistant_id, ids[:1])  # half is gone already
            self.put(NEW, revision=f"r{self.times + 2}")
            return found
        return super().find_by_ids(assistant_id, ids)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    found = SearchIndex(tmp_path / "search.sqlite3")
    yield found
    found.close()


def found(retrieval: RetrievalService) -> list[str]:
    asked = assistant(retrieval=Retrieval(passages=2))
    return sorted(
        passage.chunk.text.split()[3] for passage in retrieval.find(asked, "gift") or ()
    )


def test_what_is_not_the_searchable_revision_is_not_found(index: SearchIndex) -> None:
    library = Library()
    retrieval = RetrievalService(chunks=library, documents=library, index=index)
    old = library.put(OLD)
    assert found(retrieval) == ["boxes", "boxes"]
    before = dict(library.chunks)
    new = library.put(NEW, revision="r2")
    index.add("a1", new, list(library.chunks.values()))
    library.chunks |= before

    library.ready = {old}
    assert found(retrieval) == ["boxes", "boxes"]
    library.ready = {new}
    assert found(retrieval) == ["bags", "bags"]


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_replaced_this_moment_is_looked_up_again(
    index: SearchIndex, times: int
) -> None:
    library = Replaced()
    retrieval = RetrievalService(chunks=library, documents=library, index=index)
    library.put(OLD)
    assert found(retrieval) == ["boxes", "boxes"]

    library.times = times

    assert found(retrieval) == ["bags", "bags"]
    assert library.times == 0
