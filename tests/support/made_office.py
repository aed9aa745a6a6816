"""Documents of office programs, written by the libraries that people write them with."""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any


def saved(document: Any) -> bytes:
    """Return the bytes of a document of python-docx, python-pptx or openpyxl."""
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Return a document with some of its parts replaced, or added."""
    stream = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(data)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return stream.getvalue()


def part_of(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return archive.read(name)
