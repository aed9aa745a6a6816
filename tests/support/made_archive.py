"""Exported assistants as other people's programs make them, good and bad."""

import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import httpx2

from tests.support.running import Person, Server

HOURS = {"hours.md": b"# Hours\n\nWe open from nine to five."}
Entry = tuple[str | ZipInfo, bytes]


def assistant_json(**fields: Any) -> dict[str, Any]:
    assistant = {"name": "Loja", "instructions": "Be brief."} | fields
    return {"format": "orquestradora-assistant", "version": 1, "assistant": assistant}


def listed(
    filename: str, data: bytes, number: int = 1, **fields: Any
) -> dict[str, Any]:
    """Return what documents.json says of a document."""
    kind = filename.rpartition(".")[2]
    return {
        "filename": filename,
        "file": f"documents/{number:04}" + (f".{kind}" if kind.isalnum() else ""),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    } | fields


def entries(
    documents: Mapping[str, bytes] = HOURS,
    *,
    assistant: Any = None,
    manifest: Any = None,
) -> dict[str, bytes]:
    """Return the entries of a good archive, but for what is given."""
    described = [
        listed(name, data, number)
        for number, (name, data) in enumerate(documents.items(), 1)
    ]
    files = {one["file"]: documents[one["filename"]] for one in described}
    return {
        "assistant.json": _json(assistant or assistant_json()),
        "documents.json": _json(manifest or {"documents": described}),
    } | files


def zip_of(made: Mapping[str, bytes] | Iterable[Entry]) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, data in made.items() if isinstance(made, Mapping) else made:
            archive.writestr(name, data)
    return file.getvalue()


def directory_entry(archive: bytes, name: str) -> int:
    """Return where the archive's directory speaks of an entry."""
    at = archive.rindex(b"PK\x01\x02")
    while archive[at + 46 : at + 46 + len(name)] != name.encode():
        at = archive.rindex(b"PK\x01\x02", 0, at)
    return at


def patched(archive: bytes, name: str, place: int, value: bytes) -> bytes:
    """Return the archive with other bytes in an entry of its directory."""
    at = directory_entry(archive, name) + place
    return archive[:at] + value + archive[at + len(value) :]


def zeros(megabytes: int) -> bytes:
    """Return so many zeros, deflated, without ever holding them."""
    deflate = zlib.compressobj(9, wbits=-15)
    block = bytes(1024 * 1024)
    parts = [deflate.compress(block) for _ in range(megabytes)]
    return b"".join([*parts, deflate.flush()])


def bring_in(
    person: Person, data: bytes, *, language: str = "en", **form: str
) -> httpx2.Response:
    return person.http.post(
        "/assistants/import",
        data=form,
        files={"file": ("shop.zip", data)},
        headers={"Accept-Language": language},
    )


def kept(server: Server, person: Person) -> list[Any]:
    """Return all that a refused import must leave as it is."""
    root = server.settings.documents_dir
    return [
        person.http.get("/assistants/list").json(),
        person.http.get("/documents/list").json(),
        sorted(str(path) for path in root.rglob("*") if path.is_file()),
    ]


def numbers(seed: int) -> bytes:
    """Return a text of 0.8 MB."""
    return b"".join(b"%d " % (i * i * (seed + 7)) for i in range(80_000))


def _json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()
