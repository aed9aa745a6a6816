"""Archives that would unpack to more than a server has."""

import struct
from collections.abc import Callable, Iterator
from typing import Any
from zipfile import ZIP_STORED, ZipInfo

import pytest

from app.texts import text
from tests.support.made_archive import (
    HOURS,
    assistant_json,
    bring_in,
    entries,
    kept,
    patched,
    zeros,
    zip_of,
)
from tests.support.memory import held_at_most
from tests.support.quick import cheap_passwords
from tests.support.running import Person, Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

MEGABYTE = 2**20
FIRST = "documents/0001.md"
DATA = HOURS["hours.md"]
SMALL = 40  # megabytes: the server takes part of them for reading a form


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "max_upload_mb": 1,
            "assistant_quota_mb": 80,
            "assistant_quota_files": 20,
        }


def bomb(megabytes: int, name: str = FIRST, told: int | None = None) -> bytes:
    """Return an archive with an entry of zeros that says it is ``told`` long."""
    entry = ZipInfo(name)
    entry.compress_type = ZIP_STORED
    packed = zeros(megabytes)
    made: list[tuple[str | ZipInfo, bytes]] = [
        (one, data) for one, data in entries().items() if one != name
    ]
    data = zip_of([*made, (entry, packed)])
    data = patched(data, name, 10, struct.pack("<H", 8))
    size = megabytes * MEGABYTE if told is None else told
    return patched(data, name, 24, struct.pack("<I", size))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a document": (lambda: bomb(400), "size"),
    "one that lies": (lambda: bomb(400, told=len(DATA)), "damaged"),
    "the settings": (lambda: bomb(400, "assistant.json"), "large"),
    "settings that lie": (lambda: bomb(400, "assistant.json", told=500), "damaged"),
    "the list": (lambda: bomb(400, "documents.json"), "large"),
    "a million entries": (lambda: directory_of(50 * MEGABYTE), "entries"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_costs_no_memory(server: Server, owner: Person, case: str) -> None:
    make, reason = BOMBS[case]
    data = make()
    bring_in(owner, data[:-1])  # what a first request of that size takes
    before = kept(server, owner)

    with held_at_most(SMALL + 2 * len(data) / MEGABYTE):
        answer = bring_in(owner, data)

    assert answer.status_code == 422
    assert text(f"reason.import_{reason}") in answer.json()["error"]["message"]
    assert kept(server, owner) == before


def directory_of(size: int) -> bytes:
    """Return an archive with a directory of so many bytes, and nothing else."""
    one = zip_of([("a", b"")])
    row = one[one.rindex(b"PK\x01\x02") : one.rindex(b"PK\x05\x06")]
    rows = row * (size // len(row))
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(rows), 0, 0)
    return rows + end


JSON_BOMBS: dict[str, tuple[Callable[[], dict[str, Any]], str | None]] = {
    "documents": (lambda: {"manifest": {"documents": [[]] * 250_000}}, None),
    "fields": (lambda: taken(**dict.fromkeys(map(str, range(60_000)))), "fields"),
    "keywords": (
        lambda: taken(takeover={"contact_keywords": [[]] * 200_000}),
        "fields",
    ),
}


@pytest.mark.parametrize("case", JSON_BOMBS)
def test_json_of_many_small_things_costs_little_memory(
    server: Server, owner: Person, case: str
) -> None:
    make, reason = JSON_BOMBS[case]
    data = zip_of(entries(**make()))
    before = kept(server, owner)

    with held_at_most(3 * SMALL):
        answer = bring_in(owner, data)

    assert answer.status_code == 422
    assert len(answer.content) < 1000
    error = answer.json()["error"]
    if reason:
        assert text(f"reason.import_{reason}") in error["message"]
    else:
        assert list(error["fields"]) == ["documents.0"]
    assert kept(server, owner) == before


def taken(**fields: Any) -> dict[str, Any]:
    return {"assistant": assistant_json(**fields)}
