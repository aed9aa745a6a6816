from dataclasses import replace
from typing import Any

import pytest

from app.errors import DocumentExists
from app.models.document import DocumentFilter, DocumentStatus, DocumentType
from app.models.page import PageRequest
from app.repositories.documents import DocumentRepository
from tests.support.made import document, later
from tests.support.races import at_once

PROMPT: dict[str, Any] = {"type": DocumentType.PROMPT, "filename": "prompt.txt"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        PROMPT,
        {"status": DocumentStatus.FAILED, "error": "too old", "progress": 0.25},
        {"status": DocumentStatus.READY, "indexed": "r1", "pages": 12},
        {"filename": "Relatório 2026 🇧🇷 $set a.b.md", "size": 2**40},
    ],
)
def test_a_document_is_read_as_it_was_written(
    documents: DocumentRepository, fields: dict[str, Any]
) -> None:
    made = document(**fields)
    documents.add(made)

    assert documents.get(made.id) == made
    assert documents.get("none") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"filename": "a.md"}, {"filename": "a.md"}),
        ({"filepath": "a1/x"}, {"filepath": "a1/x"}),
        ({"filepath": "a1/É.md"}, {"filepath": "a1/é.MD"}),
        (PROMPT, PROMPT | {"filename": "other.md"}),
    ],
    ids=["name", "place", "place in capitals", "prompt"],
)
def test_a_name_and_a_place_are_taken_once(
    documents: DocumentRepository, first: dict[str, Any], second: dict[str, Any]
) -> None:
    documents.add(document(**first))

    with pytest.raises(DocumentExists):
        documents.add(document(**second))
    documents.add(document(assistant_id="a2", **second))


@pytest.mark.parametrize("name", ["prompt", "A.md", "a.md ", "rag:a.md"])
def test_names_that_differ_stand_beside_each_other(
    documents: DocumentRepository, name: str
) -> None:
    documents.add(document(**PROMPT))
    documents.add(document(filename="a.md"))
    made = document(filename=name)
    documents.add(made)

    assert documents.find_by_filename("a1", name) == made


def test_of_many_with_one_name_at_once_one_is_added(
    documents: DocumentRepository,
) -> None:
    def add(_: int) -> bool:
        try:
            documents.add(document(filename="a.md"))
        except DocumentExists:
            return False
        return True

    assert at_once(add).count(True) == 1


def test_a_document_is_found_by_name_prompt_and_revision(
    documents: DocumentRepository,
) -> None:
    rag, prompt = document(filename="a.md"), document(**PROMPT)
    for made in (rag, prompt):
        documents.add(made)

    assert documents.find_by_filename("a1", "a.md") == rag
    assert documents.find_prompt("a1") == prompt
    assert documents.find_by_revision("a1", rag.revision) == rag
    assert documents.find_by_filename("a1", "prompt.txt") is None
    for assistant_id in ("a2", ""):
        assert documents.find_by_filename(assistant_id, "a.md") is None
        assert documents.find_prompt(assistant_id) is None
        assert documents.find_by_revision(assistant_id, rag.revision) is None


def test_a_document_is_found_by_where_it_came_from(
    documents: DocumentRepository,
) -> None:
    url = "https://example.com/a?b=c.d&$set=1"
    fetched = document(filename="a.md", source_url=url)
    for made in (fetched, document(filename="b.md")):
        documents.add(made)

    assert documents.get(fetched.id) == fetched
    assert documents.find_by_source("a1", url) == fetched
    assert documents.find_by_source("a1", "https://example.com/a") is None
    assert documents.find_by_source("a2", url) is None


def test_places_sizes_and_keys_are_summed_up(documents: DocumentRepository) -> None:
    ready = document(size=3, revision="r1", indexed="r1")
    replaced = document(size=1, revision="r2", indexed="r1")
    made = [
        ready,
        replaced,
        document(size=4, status=DocumentStatus.PROCESSING),
        document(size=5, **PROMPT),
    ]
    for one in (*made, document(assistant_id="a2", size=100)):
        documents.add(one)

    assert documents.filepaths("a1") == {one.filepath for one in made}
    assert sorted(documents.sizes("a1")) == [1, 3, 4]
    assert documents.ready_keys("a1") == {f"{ready.id}:r1:", f"{replaced.id}:r1:"}
    assert documents.searchable_revisions({replaced.id, made[2].id, "none"}) == {
        replaced.id: "r1"
    }
    assert documents.searchable_revisions(set()) == {}
    assert documents.filepaths("none") == set()
    assert documents.sizes("none") == []
    assert documents.ready_keys("none") == set()


@pytest.mark.parametrize(
    ("fields", "key", "obsolete"),
    [
        ({"indexed": "r1"}, "r1:", False),
        ({"indexed": "r1"}, "r1:model:8b", False),
        ({"indexed": "r1", "embedded": "model:8b"}, "r1:model:8b", False),
        ({"indexed": "r1", "embedded": "model:8b"}, "r1:", True),
        ({"indexed": "r1", "embedded": "model:8b"}, "r1:other", True),
        ({"revision": "r2", "indexed": "r1"}, "r1:", False),
        ({"revision": "r2", "indexed": "r1"}, "r2:", False),
        ({"revision": "r2", "indexed": "r2"}, "r1:", True),
        ({"revision": "r2", "indexed": None}, "r1:model:8b", True),
    ],
)
def test_what_is_left_behind_for_good_is_obsolete(
    documents: DocumentRepository, fields: dict[str, Any], key: str, *, obsolete: bool
) -> None:
    made = document(**({"revision": "r1"} | fields))
    documents.add(made)
    keys = {f"{made.id}:{key}"}

    assert documents.obsolete_keys(keys) == (keys if obsolete else set())
    assert documents.obsolete_keys({"none:r1:"} | keys) >= {"none:r1:"}
    assert documents.obsolete_keys(set()) == set()


def test_a_document_is_removed_unless_it_was_replaced(
    documents: DocumentRepository,
) -> None:
    made = document(revision="r1")
    documents.add(made)

    assert not documents.remove_revision(replace(made, revision="r0"))
    assert documents.get(made.id) == made
    assert documents.remove_revision(made)
    assert documents.get(made.id) is None
    assert not documents.remove_revision(made)


def test_a_revision_is_replaced_where_it_still_is(
    documents: DocumentRepository,
) -> None:
    old = document(filename="a.md")
    new = replace(old, revision="r2", size=99)
    documents.add(old)

    assert documents.replace(old, new)
    assert documents.get(old.id) == new
    assert not documents.replace(old, replace(old, revision="r3"))
    assert not documents.replace(document(), new)
    assert documents.get(old.id) == new


def test_what_has_been_indexed_meanwhile_is_not_replaced_unseen(
    documents: DocumentRepository,
) -> None:
    old = document(status=DocumentStatus.PROCESSING)
    ready = replace(old, status=DocumentStatus.READY, indexed=old.revision)
    new = replace(old, revision="r2")
    documents.add(old)

    assert documents.replace(old, ready)
    assert not documents.replace(old, new)
    assert not documents.replace(old, ready)
    assert documents.replace(ready, replace(new, indexed=ready.indexed))


def test_progress_is_told_of_the_revision_that_is_processed(
    documents: DocumentRepository,
) -> None:
    made = document(status=DocumentStatus.PROCESSING, progress=0.0)
    ready, queued = document(), document(status=DocumentStatus.QUEUED)
    for one in (made, ready, queued):
        documents.add(one)

    assert documents.note_progress(made, progress=0.25, pages=None)
    assert documents.note_progress(made, progress=0.5, pages=12)
    assert documents.get(made.id) == replace(made, progress=0.5, pages=12)
    for other in (ready, queued, replace(made, revision="r2"), document()):
        assert not documents.note_progress(other, progress=0.75, pages=1)
    assert documents.get(made.id) == replace(made, progress=0.5, pages=12)
    assert documents.get(ready.id) == ready


def test_of_many_replacements_at_once_one_succeeds(
    documents: DocumentRepository,
) -> None:
    old = document()
    documents.add(old)

    results = at_once(lambda n: documents.replace(old, replace(old, revision=f"r{n}")))

    assert results.count(True) == 1
    found = documents.get(old.id)
    assert found
    assert found.revision == f"r{results.index(True)}"


def test_what_waits_for_long_is_unfinished(documents: DocumentRepository) -> None:
    stale = document(status=DocumentStatus.PROCESSING)
    waiting = document(status=DocumentStatus.QUEUED)
    for made in (
        stale,
        waiting,
        document(status=DocumentStatus.QUEUED, created_at=later(60)),
        document(status=DocumentStatus.PROCESSING, created_at=later(60)),
        document(status=DocumentStatus.READY),
        document(status=DocumentStatus.FAILED),
    ):
        documents.add(made)

    found = documents.list_unfinished(since=later(60))
    assert sorted(found, key=lambda one: one.status) == [stale, waiting]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (DocumentFilter(), [2, 1, 0]),
        (DocumentFilter(type=DocumentType.PROMPT), [2]),
        (DocumentFilter(status=DocumentStatus.READY), [2, 0]),
        (
            DocumentFilter(type=DocumentType.RAG, status=DocumentStatus.FAILED),
            [1],
        ),
        (DocumentFilter(status=DocumentStatus.QUEUED), []),
    ],
)
def test_documents_are_chosen_newest_first(
    documents: DocumentRepository, chosen: DocumentFilter, expected: list[int]
) -> None:
    made = [
        document(),
        document(status=DocumentStatus.FAILED, created_at=later(1)),
        document(created_at=later(2), **PROMPT),
    ]
    for one in made:
        documents.add(one)

    page = documents.list_page(PageRequest(), chosen, assistant_ids=None)

    assert page.items == [made[number] for number in expected]
    assert page.total == len(expected)


def test_a_document_is_removed_once(documents: DocumentRepository) -> None:
    made = document(filename="a.md")
    documents.add(made)

    assert at_once(lambda _: documents.remove(made.id)).count(True) == 1
    assert documents.get(made.id) is None
    assert not documents.remove("none")
    documents.add(document(filename="a.md"))


def test_documents_go_with_their_own_assistant(documents: DocumentRepository) -> None:
    mine, other = document(), document(assistant_id="a2")
    documents.add(mine)
    documents.add(other)

    documents.remove_for_assistant("a1")

    assert documents.get(mine.id) is None
    assert documents.get(other.id) == other


def test_documents_are_found_by_their_ids_in_their_assistant_alone(
    documents: DocumentRepository,
) -> None:
    mine = [document(filename=f"{n}.md", filepath=f"a1/{n}") for n in range(3)]
    theirs = document(assistant_id="a2")
    for made in (*mine, theirs):
        documents.add(made)

    wanted = [mine[0].id, mine[2].id, theirs.id, "none"]
    found = documents.find_by_ids("a1", wanted)

    assert {one.id: one for one in found} == {one.id: one for one in mine[::2]}
    assert documents.find_by_ids("a1", []) == []
