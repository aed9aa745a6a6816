"""Archives that mean harm, or are merely wrong: told why, and nothing remains."""

import struct
from collections.abc import Callable, Iterator
from typing import Any
from zipfile import ZIP_BZIP2, ZipInfo

import pytest

from app.texts import text
from tests.support.made_archive import (
    HOURS,
    assistant_json,
    bring_in,
    entries,
    kept,
    listed,
    patched,
    zip_of,
)
from tests.support.quick import cheap_passwords
from tests.support.running import Person, Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

MEGABYTE = 2**20
FIRST = "documents/0001.md"
DATA = HOURS["hours.md"]
SECRET = "../../../etc/passwd"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "max_upload_mb": 1,
            "assistant_quota_mb": 80,
            "assistant_quota_files": 20,
        }


def with_entry(name: str | ZipInfo, data: bytes = b"x") -> bytes:
    return zip_of([*entries().items(), (name, data)])


def with_kind(kind: int) -> bytes:
    entry = ZipInfo("documents/0002.md")
    entry.external_attr = kind << 16
    return with_entry(entry, b"/etc/passwd")


def with_flags(flags: int) -> bytes:
    return patched(zip_of(entries()), FIRST, 8, struct.pack("<H", flags))


def with_method(method: int) -> bytes:
    entry = ZipInfo("documents/0002.md")
    entry.compress_type = method
    return with_entry(entry)


def without(name: str) -> bytes:
    return zip_of({k: v for k, v in entries().items() if k != name})


def sharing() -> bytes:
    """Return an archive whose entries are all the same bytes."""
    made = zip_of(entries({"a.md": DATA, "b.md": DATA}))
    return patched(made, "documents/0002.md", 42, struct.pack("<I", 0))


def described(*documents: dict[str, Any]) -> bytes:
    return zip_of(entries(manifest={"documents": list(documents)}))


def deep(count: int) -> bytes:
    return zip_of(entries(manifest=b"[" * count))


REFUSED: dict[str, tuple[Callable[[], bytes], str, str | None]] = {
    "nothing": (lambda: b"", "archive", None),
    "a text": (lambda: b"just some text", "archive", None),
    "half a zip": (lambda: zip_of(entries())[:-30], "archive", None),
    "a way out": (lambda: with_entry(SECRET), "name", SECRET),
    "an absolute name": (lambda: with_entry("/etc/x"), "name", "/etc/x"),
    "a drive": (lambda: with_entry("C:\\x"), "name", "C:\\x"),
    "a backslash": (lambda: with_entry("..\\x"), "name", "..\\x"),
    "a link": (lambda: with_kind(0o120777), "kind", "documents/0002.md"),
    "a device": (lambda: with_kind(0o060644), "kind", "documents/0002.md"),
    "a folder": (lambda: with_entry("more/", b""), "kind", "more/"),
    "encrypted": (lambda: with_flags(1), "encrypted", FIRST),
    "another method": (lambda: with_method(ZIP_BZIP2), "method", "documents/0002.md"),
    "one more file": (lambda: with_entry("run.sh"), "unlisted", "run.sh"),
    "a hidden one": (lambda: with_entry("__MACOSX/x"), "unlisted", "__MACOSX/x"),
    "no file": (lambda: without(FIRST), "missing", FIRST),
    "no settings": (lambda: without("assistant.json"), "missing", "assistant.json"),
    "no list": (lambda: without("documents.json"), "missing", "documents.json"),
    "overlapping": (sharing, "overlap", "documents/0002.md"),
    "one file twice": (
        lambda: described(listed("a.md", DATA), listed("b.md", DATA) | {"file": FIRST}),
        "twice",
        FIRST,
    ),
    "one name twice": (
        lambda: described(listed("a.md", DATA), listed("a.md", DATA, 2)),
        "twice",
        "documents/0002.md",
    ),
    "another size": (
        lambda: described(listed("hours.md", DATA, size=len(DATA) + 1)),
        "size",
        FIRST,
    ),
    "another hash": (
        lambda: described(listed("hours.md", DATA, sha256="0" * 64)),
        "hash",
        FIRST,
    ),
    "changed bytes": (
        lambda: patched(zip_of(entries()), FIRST, 16, b"\0\0\0\0"),
        "damaged",
        FIRST,
    ),
    "no JSON": (lambda: zip_of(entries(assistant=b"{")), "json", "assistant.json"),
    "no UTF-8": (lambda: zip_of(entries(assistant=b"\xff")), "json", "assistant.json"),
    "deep JSON": (lambda: deep(100_000), "json", "documents.json"),
    "a key twice": (
        lambda: zip_of(entries(manifest=b'{"documents": [], "documents": []}')),
        "json",
        "documents.json",
    ),
    "large JSON": (
        lambda: zip_of(entries(assistant=b" " * (3 * MEGABYTE))),
        "large",
        "assistant.json",
    ),
    "a list": (lambda: zip_of(entries(assistant=b"[]")), "format", "assistant.json"),
    "another format": (
        lambda: zip_of(entries(assistant=assistant_json() | {"format": "other"})),
        "format",
        "assistant.json",
    ),
    "another version": (
        lambda: zip_of(entries(assistant=assistant_json() | {"version": 2, "new": 1})),
        "version",
        "assistant.json",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_come_in_is_told_why_and_leaves_nothing(
    server: Server, owner: Person, case: str
) -> None:
    make, reason, entry = REFUSED[case]
    before = kept(server, owner)

    for language in ("en", "pt"):
        answer = bring_in(owner, make(), language=language)

        assert answer.status_code == 422, answer.text
        error = answer.json()["error"]
        assert error["code"] == "import_refused"
        assert text(f"reason.import_{reason}", language) in error["message"]
        assert error.get("entry") == entry
    assert kept(server, owner) == before


def settings(**fields: Any) -> dict[str, Any]:
    return {"assistant": assistant_json(**fields)}


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "beside": ({"assistant": assistant_json() | {"hook": 1}}, "hook"),
    "inside": (settings(owner_id="x"), "assistant.owner_id"),
    "key": (settings(api_key="sk_x"), "assistant.api_key"),
    "members": (settings(members=[]), "assistant.members"),
    "command": (settings(tools=[{"command": "rm"}]), "assistant.tools"),
    "deeper": (settings(retrieval={"url": "http://x"}), "assistant.retrieval.url"),
    "bounds": (settings(temperature=9), "assistant.temperature"),
    "long": (settings(instructions="x" * 100_001), "assistant.instructions"),
    "name": (settings(name=" "), "assistant.name"),
    "list": ({"manifest": {"documents": [], "more": 1}}, "more"),
    "no list": ({"manifest": {"documents": {}}}, "documents"),
    "entry": (
        {"manifest": {"documents": [listed("a.md", DATA, path="/x")]}},
        "documents.0.path",
    ),
    "way out": (
        {"manifest": {"documents": [listed("a.md", DATA, file=SECRET)]}},
        "documents.0.file",
    ),
    "settings": (
        {"manifest": {"documents": [listed("a.md", DATA, file="assistant.json")]}},
        "documents.0.file",
    ),
    "sum": (
        {"manifest": {"documents": [listed("a.md", DATA, sha256="0")]}},
        "documents.0.sha256",
    ),
    "negative": (
        {"manifest": {"documents": [listed("a.md", DATA, size=-1)]}},
        "documents.0.size",
    ),
    "filename": (
        {"manifest": {"documents": [listed("a" * 1001, DATA)]}},
        "documents.0.filename",
    ),
    "address": (
        {
            "manifest": {
                "documents": [listed("a.md", DATA, source_url="javascript:alert(1)")]
            }
        },
        "documents.0.source_url",
    ),
    "credentials": (
        {
            "manifest": {
                "documents": [
                    listed("a.md", DATA, source_url="https://a:b@example.com")
                ]
            }
        },
        "documents.0.source_url",
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_that_is_unknown_or_wrong_is_named(
    server: Server, owner: Person, case: str
) -> None:
    given, field = FIELDS[case]
    before = kept(server, owner)

    answer = bring_in(owner, zip_of(entries(**given)))

    assert answer.status_code == 422, answer.text
    assert field in answer.json()["error"]["fields"]
    assert kept(server, owner) == before


DOCUMENTS: dict[str, tuple[dict[str, bytes], int, str]] = {
    "type": ({"a.md": DATA, "b.exe": b"MZ"}, 415, "document_type_unsupported"),
    "empty": ({"a.md": DATA, "b.md": b" "}, 422, "document_empty"),
    "no name": ({"a.md": DATA, "../..": b"x"}, 422, "invalid_input"),
    "not that": ({"a.md": DATA, "b.pdf": b"no pdf"}, 415, "document_not_read"),
    "large": ({"a.md": b"x" * (MEGABYTE + 1)}, 413, "document_too_large"),
    "many": ({f"{n}.md": DATA for n in range(21)}, 409, "document_quota_exceeded"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents_are_held_to_what_uploads_are_held_to(
    server: Server, owner: Person, case: str
) -> None:
    documents, status, code = DOCUMENTS[case]
    before = kept(server, owner)

    answer = bring_in(owner, zip_of(entries(documents)))

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    if case != "many":
        assert error["filename"] == list(documents)[-1]
    assert kept(server, owner) == before


def test_all_of_them_are_held_to_the_quota(server: Server, owner: Person) -> None:
    """What is listed is enough: none of it is read."""
    listing = [listed(f"{n}.md", DATA, n + 1, size=20 * MEGABYTE) for n in range(5)]
    before = kept(server, owner)

    answer = bring_in(owner, zip_of(entries(manifest={"documents": listing})))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "document_quota_exceeded"
    assert "80 MB" in answer.json()["error"]["message"]
    assert kept(server, owner) == before
