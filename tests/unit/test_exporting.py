"""An assistant goes out whole, whatever happens to it meanwhile."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from zipfile import ZipFile

import pytest

from app.errors import AssistantNotFound, Forbidden
from app.models.assistant import Assistant, AssistantRole, Member
from app.models.document import Document
from app.models.user import User
from app.services.portability.package_format import SETTINGS
from tests.support.faults import Crash, Plan
from tests.support.library import OWNER, STRANGER, Library, Services
from tests.support.made import assistant, user

STAYS = {"id", "owner_id", "members", "knowledge_version", "created_at", "updated_at"}
OLD, NEW = b"Open from nine to five.", b"Open from ten to four."
TWO = {"hours.md": OLD, "prices.txt": b"Acai costs ten."}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def export(services: Services, caller: User = OWNER) -> bytes:
    return b"".join(services.exports.export(caller, "a1")[1])


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
            services.exports.export(people[role], "a1")
    with pytest.raises(AssistantNotFound):
        services.exports.export(STRANGER, "a1")


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
    _, parts = services.exports.export(OWNER, "a1")
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
    _, parts = services.exports.export(OWNER, "a1")
    next(parts)
    next(parts)
    assert open_files() > before

    parts.close()  # type: ignore[attr-defined]

    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
