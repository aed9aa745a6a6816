from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.errors import AppError, ProviderUnavailable
from app.models.document import Document, DocumentStatus
from app.models.job import Job
from app.models.search import Embedding
from app.services.knowledge.indexing import Indexer
from app.services.knowledge.vectorizing import BATCH, VECTORIZE, Vectorizer, Vectors
from app.services.workers import Interrupted, TryAgain
from tests.support.faults import MODES, Crash, Mode, Plan, faulty
from tests.support.library import (
    OWNER,
    Library,
    index_job,
    indexer,
    only,
)

MODEL = "m1"
SECTIONS = BATCH + 3


def never() -> bool:
    return False


class Maker:
    """An embedder whose vectors are the texts; told to, it fails."""

    def __init__(self, model: str = MODEL) -> None:
        self.model = model
        self.asked: list[Sequence[str]] = []
        self.failing = False

    def embed(
        self, texts: Sequence[str], *, timeout: float = 30, patient: bool = True
    ) -> list[bytes]:
        assert patient
        assert timeout >= 30
        if self.failing:
            raise ProviderUnavailable
        self.asked.append(texts)
        return [text.encode() for text in texts]


class FakeQueue:
    def __init__(self) -> None:
        self.jobs: list[tuple[str, str, str]] = []

    def enqueue(
        self, kind: str, subject: str, *, revision: str, assistant_id: str
    ) -> None:
        assert assistant_id == "a1"
        self.jobs.append((kind, subject, revision))


class Place:
    """A library whose documents get vectors."""

    def __init__(self, root: Path, *, model: str | None = MODEL) -> None:
        self.library = Library(root)
        self.maker = Maker()
        self.queue = FakeQueue()
        self.vectors = Vectors(
            chunks=self.library.chunks, queue=self.queue, model=model
        )

    def indexer(self) -> Indexer:
        return indexer(self.library, vectors=self.vectors)

    def vectorizer(self, plan: Plan | None = None) -> Vectorizer:
        plan = plan or Plan()
        return Vectorizer(
            documents=faulty(self.library.documents, plan),
            chunks=faulty(self.library.chunks, plan),
            vectors=self.vectors,
            embedder=self.maker if self.vectors.model else None,
            index=faulty(self.library.index, plan),
            knowledge=faulty(self.library.assistants, plan),
            watchers=self.library.watchers,
        )

    def index(self, text: str, **fields: Any) -> Document:
        """Upload a document and make its words searchable."""
        made = self.library.services().upload(text.encode(), **fields)
        self.indexer().run(index_job(made.id, made.revision), never)
        return self.present(made)

    def present(self, document: Document) -> Document:
        found = self.library.documents.get(document.id)
        assert found
        return found

    def job(self) -> Job:
        _, subject, revision = self.queue.jobs[-1]
        return index_job(subject, revision)

    def embeddings(self) -> list[Embedding | None]:
        return [chunk.embedding for chunk in self.library.chunks.all()]

    def version(self) -> int:
        found = self.library.assistants.get("a1")
        assert found
        return found.knowledge_version


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def handbook(sections: int = SECTIONS) -> str:
    return "".join(f"# Part {n}\n\nThe text of {n}.\n\n" for n in range(sections))


def test_words_are_searchable_before_there_are_vectors(place: Place) -> None:
    found = place.index(handbook())

    assert (found.status, found.indexed) == (DocumentStatus.PROCESSING, found.revision)
    assert (found.progress, found.embedded, found.chunks) == (0.5, None, SECTIONS)
    assert place.queue.jobs == [(VECTORIZE, found.id, found.revision)]
    assert list(place.library.index.keys) == [f"a1/{found.search_key}"]
    assert place.maker.asked == []


def test_then_every_chunk_gets_the_vector_of_its_heading_and_text(place: Place) -> None:
    place.index(handbook())
    version = place.version()

    place.vectorizer().run(place.job(), never)

    ready = only(place.library)
    assert (ready.status, ready.progress, ready.embedded) == ("ready", 1.0, MODEL)
    assert [len(texts) for texts in place.maker.asked] == [BATCH, 3]
    assert place.embeddings() == [
        Embedding(MODEL, chunk.meant.encode()) for chunk in place.library.chunks.all()
    ]
    assert place.maker.asked[0][0].startswith("Part 0\n")
    assert f"a1/{ready.search_key}" in place.library.index.keys
    assert place.version() > version


def test_without_a_provider_of_vectors_words_are_all(tmp_path: Path) -> None:
    place = Place(tmp_path, model=None)

    found = place.index(handbook())

    assert (found.status, found.progress, found.embedded) == ("ready", 1.0, None)
    assert place.queue.jobs == []


def test_a_provider_that_is_no_longer_wanted_is_not_waited_for(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.index(handbook())
    job = place.job()
    place.vectors = Vectors(chunks=place.library.chunks, queue=place.queue, model=None)

    place.vectorizer().run(job, never)

    assert (only(place.library).status, only(place.library).embedded) == ("ready", None)


def test_a_provider_that_is_away_is_waited_for_and_the_document_says_so(
    place: Place,
) -> None:
    place.index(handbook())
    place.maker.failing = True

    with pytest.raises(TryAgain):
        place.vectorizer().run(place.job(), never)

    waiting = only(place.library)
    assert (waiting.status, waiting.error) == ("processing", "unembedded")
    place.maker.failing = False
    place.vectorizer().run(place.job(), never)
    assert (only(place.library).status, only(place.library).error) == ("ready", None)


def test_what_was_made_before_the_provider_went_away_is_kept(place: Place) -> None:
    place.index(handbook())
    made = place.maker.embed

    def once(texts: Sequence[str], **_: object) -> list[bytes]:
        place.maker.failing = bool(place.maker.asked)
        return made(texts)

    place.maker.embed = once  # type: ignore[method-assign]
    with pytest.raises(TryAgain):
        place.vectorizer().run(place.job(), never)
    assert only(place.library).progress > 0.9
    place.maker.embed = made  # type: ignore[method-assign]
    place.maker.failing = False

    place.vectorizer().run(place.job(), never)

    assert [len(texts) for texts in place.maker.asked] == [BATCH, 3]
    assert None not in place.embeddings()


def test_only_what_has_changed_is_asked_for(place: Place) -> None:
    place.index(handbook())
    place.vectorizer().run(place.job(), never)
    del place.maker.asked[:]

    place.index(handbook().replace("text of 7.", "text of seven."), replacing=True)
    assert only(place.library).progress == 0.5
    place.vectorizer().run(place.job(), never)

    assert place.maker.asked == [["Part 7\n# Part 7\n\nThe text of seven."]]
    assert only(place.library).status == "ready"


def test_what_has_not_changed_at_all_is_whole_at_once(place: Place) -> None:
    place.index(handbook())
    place.vectorizer().run(place.job(), never)
    del place.queue.jobs[:]

    found = place.index(handbook(), filename="copy.md")

    assert (found.status, found.embedded, found.progress) == ("ready", MODEL, 1.0)
    assert place.queue.jobs == []


def test_vectors_of_another_model_are_made_anew(place: Place) -> None:
    place.index(handbook(1))
    place.vectorizer().run(place.job(), never)
    place.maker.model = "m2"
    place.vectors = Vectors(chunks=place.library.chunks, queue=place.queue, model="m2")

    place.index(handbook(1), filename="copy.md")
    place.vectorizer().run(place.job(), never)

    models = {found.model for found in place.embeddings() if found}
    assert models == {"m1", "m2"}


def test_what_is_replaced_or_gone_meanwhile_is_left_alone(place: Place) -> None:
    place.index(handbook(1))
    job = place.job()
    new = place.library.services().upload(b"New.", replacing=True)

    place.vectorizer().run(job, never)
    assert only(place.library) == new

    place.library.services().documents.delete(OWNER, new.id)
    place.vectorizer().run(job, never)
    assert place.library.documents.all() == []


def test_a_process_that_stops_gives_the_job_back(place: Place) -> None:
    place.index(handbook())

    with pytest.raises(Interrupted):
        place.vectorizer().run(place.job(), lambda: len(place.maker.asked) > 0)

    assert only(place.library).status == "processing"
    assert place.embeddings().count(None) == 3


def test_given_up_it_is_found_by_its_words_and_says_so(place: Place) -> None:
    place.index(handbook(1))

    place.vectorizer().give_up(place.job(), "internal")

    found = only(place.library)
    assert (found.status, found.error, found.embedded) == ("ready", "unembedded", None)


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_anywhere_is_made_good_by_another_run(
    place: Place, mode: Mode
) -> None:
    for at in range(1, 50):
        place.index(handbook(), filename=f"{mode}{at}.md")
        plan = Plan(at, mode)
        try:
            place.vectorizer(plan).run(place.job(), never)
        except (AppError, Crash):
            version = place.version()
            place.vectorizer().run(place.job(), never)
            assert place.version() > version
        ready = place.library.documents.get(place.job().subject)
        assert ready
        assert (ready.status, ready.embedded) == ("ready", MODEL)
        assert f"a1/{ready.search_key}" in place.library.index.keys
        assert None not in place.embeddings()
        place.library.services().documents.delete(OWNER, ready.id)
        if not plan.happened:
            return
    raise AssertionError("it never came to its end")


def test_who_watches_is_told_as_vectors_come(place: Place) -> None:
    place.index(handbook())
    place.library.watchers.seen.clear()

    place.vectorizer().run(place.job(), never)

    *progress, ready = place.library.watchers.shown()
    assert ready == (DocumentStatus.READY, 1.0, None)
    assert progress == [
        (DocumentStatus.PROCESSING, round(0.5 + 0.5 * BATCH / SECTIONS, 2), None),
        (DocumentStatus.PROCESSING, 1.0, None),
    ]


def test_who_watches_is_told_that_vectors_do_not_come(place: Place) -> None:
    place.index(handbook())
    place.maker.failing = True

    with pytest.raises(TryAgain):
        place.vectorizer().run(place.job(), never)
    put_off = place.library.watchers.shown()[-1]
    place.vectorizer().give_up(place.job(), "poisoned")

    assert put_off == (DocumentStatus.PROCESSING, 0.5, "unembedded")
    assert place.library.watchers.shown()[-1] == (
        DocumentStatus.READY,
        1.0,
        "unembedded",
    )
