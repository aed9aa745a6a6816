"""An assistant goes out whole, and comes in whole or not at all."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from app.errors import (
    AppError,
    AssistantNotFound,
    DocumentQuotaExceeded,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    Forbidden,
    ImportRefused,
    StorageFull,
    StoreUnavailable,
    TooManyDocuments,
)
from app.models.assistant import Assistant, AssistantRole, Member
from app.models.document import Document
from app.models.page import PageRequest
from app.models.user import User
from app.services.assistants import KeyedAssistant
from app.services.portability import SETTINGS, PackedDocument
from tests.support.faults import Crash, Mode, Plan
from tests.support.library import OWNER, STRANGER, Library, Services
from tests.support.made import assistant, user
from tests.support.made_archive import entries, listed, zip_of

MOST_CALLS = 120
STAYS = {"id", "owner_id", "members", "knowledge_version", "created_at", "updated_at"}
OLD, NEW = b"Open from nine to five.", b"Open from ten to four."
TWO = {"hours.md": OLD, "prices.txt": b"Acai costs ten."}
SETTINGS_OF_TWO = {"name": "Loja", "instructions": "Be brief."}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def export(services: Services, caller: User = OWNER) -> bytes:
    return b"".join(services.portability.export(caller, "a1")[1])


def contents(data: bytes) -> dict[str, bytes]:
    """Return the documents of a zip that is right in itself."""
    with ZipFile(io.BytesIO(data)) as archive:
        described = json.loads(archive.read("documents.json"))["documents"]
        found = {one["filename"]: archive.read(one["file"]) for one in described}
        assert {one["filename"]: one["sha256"] for one in described} == {
            name: hashlib.sha256(data).hexdigest() for name, data in found.items()
        }
        assert [one["size"] for one in described] == list(map(len, found.values()))
        files = [one["file"] for one in described]
        assert archive.namelist() == ["assistant.json", *files, "documents.json"]
    return found


def bring_in(
    services: Services,
    documents: dict[str, bytes] | None = None,
    *,
    described: list[dict[str, Any]] | None = None,
) -> KeyedAssistant:
    made = entries(TWO if documents is None else documents)
    package = services.portability.open(io.BytesIO(zip_of(made)))
    listed = described or json.loads(package.documents)["documents"]
    return services.portability.create(
        OWNER,
        package,
        settings=SETTINGS_OF_TWO,
        documents=[PackedDocument(**({"source_url": None} | one)) for one in listed],
    )


def brought_in(library: Library) -> list[Assistant]:
    """Return the assistants that are not of the library itself."""
    page = library.assistants.list_page(PageRequest(), assistant_ids=None)
    return [one for one in page.items if one.id not in {"a1", "a2"}]


def check_nothing(library: Library) -> None:
    assert brought_in(library) == []
    assert library.documents.all() == []
    assert library.found() == {}


# Out


def test_all_that_makes_its_behaviour_goes_out_and_nothing_else() -> None:
    assert {field.name for field in fields(Assistant)} == {*SETTINGS, *STAYS}


def test_only_an_editor_takes_an_assistant_out(
    library: Library, services: Services
) -> None:
    people = {role: user(id=role.name) for role in AssistantRole}
    members = tuple(
        Member(user_id=people[role].id, role=role)
        for role in (
            AssistantRole.VIEWER,
            AssistantRole.ATTENDANT,
            AssistantRole.EDITOR,
        )
    )
    library.assistants.add(assistant(id="a1", owner_id="owner", members=members))

    assert contents(export(services, people[AssistantRole.EDITOR])) == {}
    for role in (AssistantRole.VIEWER, AssistantRole.ATTENDANT):
        with pytest.raises(Forbidden):
            services.portability.export(people[role], "a1")
    with pytest.raises(AssistantNotFound):
        services.portability.export(STRANGER, "a1")


def test_documents_come_in_the_order_of_their_names(
    library: Library, services: Services
) -> None:
    for name in ("b.md", "a.txt", "açaí.md"):
        services.upload(name.encode(), filename=name)

    assert list(contents(export(services))) == ["a.txt", "açaí.md", "b.md"]
    assert export(services) == export(library.services())


def test_names_become_no_paths(services: Services) -> None:
    for name in ("../../x.md", "/etc/passwd.txt", "nul\0.md"):
        services.upload(name.encode(), filename=name)

    with ZipFile(io.BytesIO(export(services))) as archive:
        names = archive.namelist()[1:-1]

    assert names == ["documents/0001.md", "documents/0002.txt", "documents/0003.md"]


def delete(services: Services, document: Document) -> None:
    services.documents.delete(OWNER, document.id)


def exchange(services: Services, document: Document) -> None:
    services.upload(NEW, filename=document.filename, replacing=True)


@pytest.mark.parametrize(
    ("change", "expected"), [(delete, {}), (exchange, {"hours.md": NEW})]
)
def test_what_changes_before_its_file_is_opened_is_as_it_is_then(
    library: Library,
    change: Callable[[Services, Document], None],
    expected: dict[str, bytes],
) -> None:
    other, plan = library.services(), Plan()
    document = other.upload(OLD)
    plan.hooks["FakeDocuments.get"] = lambda: change(other, document)

    found = contents(export(library.services(plan)))

    assert plan.hooks == {}
    assert found == expected


@pytest.mark.parametrize("change", [delete, exchange])
def test_what_changes_while_it_is_sent_is_sent_whole(
    services: Services, change: Callable[[Services, Document], None]
) -> None:
    data = b"".join(b"%d lines of it.\n" % number for number in range(40_000))
    document = services.upload(data)
    _, parts = services.portability.export(OWNER, "a1")
    sent = [next(parts), next(parts)]

    change(services, document)
    sent += parts

    assert contents(b"".join(sent)) == {"hours.md": data}


def test_what_is_stored_and_not_yet_in_its_place_is_found(library: Library) -> None:
    dying = Plan()
    library.services().upload(OLD)

    def die() -> None:
        raise Crash

    dying.hooks["FakeDocuments.replace"] = die
    with pytest.raises(Crash):
        library.services(dying).upload(NEW, replacing=True)

    assert contents(export(library.services())) == {"hours.md": NEW}


def test_a_file_that_was_tampered_with_is_left_out(
    library: Library, services: Services
) -> None:
    for name, data in TWO.items():
        services.upload(data, filename=name)
    (library.root / "a1/knowledge/hours.md").write_bytes(b"something else")

    assert contents(export(services)) == {"prices.txt": TWO["prices.txt"]}


def test_an_export_that_is_given_up_leaves_no_file_open(services: Services) -> None:
    services.upload(b"x y z " * 100_000)
    before = open_files()
    _, parts = services.portability.export(OWNER, "a1")
    next(parts)
    next(parts)
    assert open_files() > before

    parts.close()  # type: ignore[attr-defined]

    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# In


def test_it_comes_in_as_a_new_assistant(library: Library, services: Services) -> None:
    made = bring_in(services)

    assert [one.id for one in brought_in(library)] == [made.assistant.id]
    assert made.assistant.owner_id == OWNER.id
    assert made.assistant.instructions == "Be brief."
    assert made.api_key
    assert services.keys.authenticate(made.api_key).assistant_id == made.assistant.id
    assert library.found() == {
        f"{made.assistant.id}/prompt.txt": b"Be brief.",
        f"{made.assistant.id}/knowledge/hours.md": OLD,
        f"{made.assistant.id}/knowledge/prices.txt": TWO["prices.txt"],
    }
    assert len(library.queue.waiting) == len(TWO)


@pytest.mark.parametrize(
    ("documents", "error"),
    [
        ({"a.md": b"1", "b.md": b"2", "c.md": b"3", "d.md": b"4"}, TooManyDocuments),
        ({"a.md": b"x" * (2**20 + 1)}, DocumentTooLarge),
        (
            {n: n.encode() * 2**18 for n in ("a.md", "b.md", "c.md")},
            DocumentQuotaExceeded,
        ),
        ({"a.md": b"text", "b.exe": b"MZ"}, DocumentTypeUnsupported),
        ({"a.md": b"text", "???": b"x"}, AppError),
    ],
    ids=["many", "large", "quota", "type", "name"],
)
def test_what_is_refused_leaves_nothing(
    library: Library,
    services: Services,
    documents: dict[str, bytes],
    error: type[AppError],
) -> None:
    with pytest.raises(error):
        bring_in(services, documents)

    check_nothing(library)


def test_of_a_document_that_is_refused_the_name_is_told(services: Services) -> None:
    with pytest.raises(DocumentTypeUnsupported) as refused:
        bring_in(services, {"a.md": b"text", "b.exe": b"MZ"})

    assert refused.value.details["filename"] == "b.exe"


TEXT = b"text"
LISTS = {
    "twice": [listed("a.md", TEXT), listed("b.md", TEXT)],
    "unlisted": [listed("a.md", TEXT, 2)],
    "missing": [listed("a.md", TEXT), listed("b.md", TEXT, 2)],
    "size": [listed("a.md", TEXT, size=5)],
    "hash": [listed("a.md", TEXT, sha256="0" * 64)],
}


@pytest.mark.parametrize("reason", LISTS)
def test_what_is_listed_must_be_what_is_there(
    library: Library, services: Services, reason: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring_in(services, {"a.md": TEXT}, described=LISTS[reason])

    assert refused.value.details["reason"] == f"reason.import_{reason}"
    check_nothing(library)


@pytest.mark.parametrize("error", [StoreUnavailable, StorageFull])
@pytest.mark.parametrize("mode", ["refused", "answer lost"])
def test_whatever_fails_nothing_remains(
    tmp_path: Path, mode: Mode, error: type[AppError]
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode, error)
        try:
            bring_in(library.services(plan))
        except error:
            if plan.calls[at - 1] == "FakeAssistants.add" and mode == "answer lost":
                check_deletable(library)
            check_nothing(library)
            bring_in(library.services())
        assert len(brought_in(library)) == 1
        assert len(library.documents.all()) == 1 + len(TWO)
        if not plan.happened:
            return
    raise AssertionError("an import makes more calls than were tried")


@pytest.mark.parametrize("mode", ["crash", "crash after"])
def test_what_a_crash_leaves_can_be_seen_and_deleted(
    tmp_path: Path, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        try:
            bring_in(library.services(plan))
        except Crash:
            check_deletable(library)
        if not plan.happened:
            return
    raise AssertionError("an import makes more calls than were tried")


def check_deletable(library: Library) -> None:
    services = library.services()
    for one in services.assistants.list_page(OWNER, PageRequest()).items:
        if one.assistant.id != "a1":
            services.assistants.delete(OWNER, one.assistant.id)
    for document in library.documents.all():
        assert library.assistants.get(document.assistant_id), "nobody sees it"
    check_nothing(library)
