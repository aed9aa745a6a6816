"""How a command watches documents until they are indexed."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.cli import following as module
from app.cli.admin import ADMIN
from app.cli.following import LOOKED_AT, Following
from app.errors import DocumentNotFound, StoreUnavailable
from app.models.caller import Caller
from app.models.document import Document, DocumentStatus
from app.texts import text
from tests.support.made import document

QUEUED, READY = DocumentStatus.QUEUED, DocumentStatus.READY


class Documents:
    """Documents that move on at each look at one of them."""

    def __init__(self, count: int) -> None:
        self.by_id = {
            f"d{number}": document(
                id=f"d{number}", filename=f"{number}.md", status=QUEUED, progress=0.0
            )
            for number in range(count)
        }
        self.looks = 0
        self.before_look: Callable[[int], None] = lambda _look: None

    def get(self, caller: Caller, document_id: str) -> Document:
        assert caller is ADMIN
        self.looks += 1
        self.before_look(self.looks)
        if document_id not in self.by_id:
            raise DocumentNotFound
        return self.by_id[document_id]

    def set(self, document_id: str, **fields: object) -> None:
        found = self.by_id[document_id]
        self.by_id[document_id] = replace(found, **fields)  # type: ignore[arg-type]

    def follow(self) -> Following:
        made = Following(self, list(self.by_id.values()))
        made.until_done(threading.Event())
        return made


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_document_has_a_line_when_it_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    documents = Documents(3)

    def go_on(look: int) -> None:
        if look == 4:
            documents.set("d1", status=READY)
        if look == 7:
            documents.set("d0", status=DocumentStatus.FAILED, error="empty")
            documents.set("d2", status=READY)

    documents.before_look = go_on
    documents.follow()

    assert lines(capsys) == [
        "ready 1.md",
        "failed 0.md: The file holds no text.",
        "ready 2.md",
    ]


def test_one_that_is_deleted_meanwhile_has_failed() -> None:
    documents = Documents(1)
    documents.before_look = lambda _look: documents.by_id.clear()

    row = documents.follow().row("d0")

    assert (row.name, row.outcome, row.reason) == (
        "0.md",
        "failed",
        "It was deleted meanwhile.",
    )


def test_it_goes_on_when_the_store_is_back(capsys: pytest.CaptureFixture[str]) -> None:
    documents = Documents(2)

    def fail(look: int) -> None:
        if look == 1:
            documents.set("d0", status=READY)
        if 2 <= look <= 5:
            raise StoreUnavailable
        if look == 6:
            documents.set("d1", status=READY)

    documents.before_look = fail
    documents.follow()

    assert lines(capsys) == ["ready 0.md", "ready 1.md"]


def test_what_a_document_waits_for_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    documents = Documents(1)
    documents.set("d0", error="unembedded")

    def go_on(look: int) -> None:
        if look == 5:
            documents.set("d0", status=READY, error=None)

    documents.before_look = go_on
    documents.follow()

    assert lines(capsys) == [
        f"waiting 0.md: {text('document.unembedded')}",
        "ready 0.md",
    ]


def test_of_very_many_it_looks_at_the_first_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    count = LOOKED_AT * 30
    documents = Documents(count)
    finished = 0

    def go_on(look: int) -> None:
        nonlocal finished
        if look % LOOKED_AT == 0 and finished < count:
            for _ in range(LOOKED_AT // 2):
                documents.set(f"d{finished}", status=READY)
                finished += 1

    documents.before_look = go_on
    documents.follow()

    assert len(lines(capsys)) == count
    assert documents.looks < count * 4


def test_a_ctrl_c_ends_it_with_what_is_known() -> None:
    documents = Documents(2)
    interrupted = threading.Event()
    following = Following(documents, list(documents.by_id.values()))
    documents.set("d0", status=READY)
    documents.before_look = lambda look: interrupted.set() if look > 1 else None

    following.until_done(interrupted)

    outcomes = [following.row(one).outcome for one in ("d0", "d1")]
    assert outcomes == ["ready", "waiting"]
