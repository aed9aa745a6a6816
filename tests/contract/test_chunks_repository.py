from dataclasses import replace

import pytest

from app.models.search import Embedding
from app.repositories.chunks import ChunkRepository
from tests.support.made import HARD_TEXTS, chunk


def test_chunks_are_read_as_they_were_written_in_order(
    chunks: ChunkRepository,
) -> None:
    made = [
        chunk(
            position=number,
            pages=((0, number), (3, number + 1)) if number else (),
            heading="A > B" if number else None,
        )
        for number in range(5)
    ]
    chunks.add(reversed(made))

    assert chunks.list_for_document("d1", "r1") == made
    assert chunks.list_for_document("d1", "r2") == []
    assert chunks.list_for_document("d2", "r1") == []


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_text_survives(chunks: ChunkRepository, text: str) -> None:
    made = chunk(text=text, filename=text[:100] or "x")
    chunks.add([made])

    assert chunks.list_for_document("d1", "r1") == [made]


def test_many_chunks_are_added_at_once(chunks: ChunkRepository) -> None:
    made = [chunk(position=number, text="x" * 2000) for number in range(1500)]
    chunks.add(made)

    assert chunks.list_for_document("d1", "r1") == made


def test_chunks_that_are_there_already_stay_as_they_are(
    chunks: ChunkRepository,
) -> None:
    made = [chunk(position=number) for number in range(4)]
    chunks.add(made[:3])

    chunks.add([replace(made[1], text="Other words."), *made[2:]])
    chunks.add(made)

    assert chunks.list_for_document("d1", "r1") == made


def test_vectors_are_kept_and_found_by_what_they_are_of(
    chunks: ChunkRepository,
) -> None:
    vector, other = Embedding("m1", bytes(range(256))), Embedding("m2", b"\0\1\2\3")
    made = [
        chunk(text="one", embedding=vector),
        chunk(text="two", position=1, embedding=other),
        chunk(text="three", position=2),
        chunk(text="one", assistant_id="a2", document_id="d2", embedding=other),
    ]
    chunks.add(made)
    digests = {one.digest for one in made}

    assert chunks.list_for_document("d1", "r1") == made[:3]
    assert chunks.known_embeddings("a1", "m1", digests) == {made[0].digest: vector}
    assert chunks.known_embeddings("a1", "m2", digests) == {made[1].digest: other}
    assert chunks.known_embeddings("a2", "m2", digests) == {made[0].digest: other}
    assert chunks.known_embeddings("a1", "m1", set()) == {}


def test_vectors_come_later_to_chunks_that_are_still_there(
    chunks: ChunkRepository,
) -> None:
    one, two = chunk(), chunk(position=1)
    chunks.add([one, two])
    vector = Embedding("m1", b"\0\1\2\3")

    chunks.set_embeddings({two.id: vector, "gone": vector})
    chunks.set_embeddings({})

    assert chunks.list_for_document("d1", "r1") == [one, replace(two, embedding=vector)]


def test_chunks_are_found_by_their_ids(chunks: ChunkRepository) -> None:
    one, two, other = chunk(), chunk(position=1), chunk(assistant_id="a2")
    chunks.add([one, two, other])

    assert chunks.find_by_ids("a1", [two.id, "none", other.id]) == {two.id: two}
    assert chunks.find_by_ids("a1", []) == {}


def test_chunks_are_removed_by_document_and_revision(chunks: ChunkRepository) -> None:
    old, new = chunk(), chunk(revision="r2")
    other = chunk(document_id="d2")
    chunks.add([old, replace(old, id="c2", position=1), new, other])
    assert chunks.revisions("d1") == ["r1", "r2"]

    chunks.remove_revision("d1", "r1")
    assert chunks.list_for_document("d1", "r1") == []
    assert chunks.list_for_document("d1", "r2") == [new]
    assert chunks.revisions("d1") == ["r2"]

    chunks.remove_revision("d1", "r1")
    assert chunks.list_for_document("d1", "r2") == [new]
    chunks.remove_revision("d1", "r2")
    assert chunks.list_for_document("d1", "r2") == []
    assert chunks.revisions("d1") == []

    chunks.add([old, new])
    chunks.remove_for_document("d1")
    assert chunks.find_by_ids("a1", [old.id, new.id]) == {}
    assert chunks.list_for_document("d2", "r1") == [other]


def test_more_chunks_than_one_write_takes_are_removed(
    chunks: ChunkRepository,
) -> None:
    made = [chunk(position=number, text="x") for number in range(2_500)]
    other = chunk(document_id="d2")
    chunks.add([*made, other])

    chunks.remove_revision("d1", "r1")

    assert chunks.list_for_document("d1", "r1") == []
    assert chunks.list_for_document("d2", "r1") == [other]


def test_chunks_go_with_their_own_assistant(chunks: ChunkRepository) -> None:
    mine, other = chunk(), chunk(assistant_id="a2")
    chunks.add([mine, other])

    chunks.remove_for_assistant("a1")

    assert chunks.find_by_ids("a1", [mine.id]) == {}
    assert chunks.find_by_ids("a2", [other.id]) == {other.id: other}
