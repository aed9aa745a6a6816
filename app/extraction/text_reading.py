"""The text of an uploaded .md or .txt file, whatever wrote it."""

import codecs
import re
from collections.abc import Iterable

from app.errors import (
    DocumentEmpty,
    DocumentEncodingUnknown,
    DocumentNotText,
    DocumentTypeUnsupported,
)

# The longer marks first: UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_FORMATS = (
    b"%PDF-",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\x7fELF",
    b"\xd0\xcf\x11\xe0",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf",
    b"Rar!",
    b"{\\rtf",
)
_MOST_CONTROLS = 0.01
"""Share of control characters that a text may have: logs hold a few."""

_LINE_END = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")

# Windows-1252 is believed when what is beyond ASCII looks like Western text.
_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿšžœß"
_CAPITALS = _LETTERS.upper().replace("SS", "")
_SIGNS = "“”\u2018\u2019\u2013—…•€£ªº°§©®™«»¿¡·½¼¾¹²³\xd7±\xb4\xa0\xad"
_LETTER = "[A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_PLAUSIBLE = re.compile(
    rf"(?<![{_LETTERS}]{{2}})[{_LETTERS}](?![{_LETTERS}]{{2}})"
    rf"|(?<![a-z{_LETTERS}])[{_CAPITALS}](?![{_CAPITALS}]{{2}})"
    rf"|(?<!{_LETTER})[{_SIGNS}]|[{_SIGNS}](?!{_LETTER})"
    rf"|(?<={_LETTER})[\u2019\u2013—](?={_LETTER})"
)
_MOST_BEYOND_ASCII = 0.3
_LEAST_PLAUSIBLE = 0.97


def check_extension(filename: str, allowed: Iterable[str]) -> str:
    """Return the extension of ``filename`` in lower case and without its dot.

    Raises DocumentTypeUnsupported when it is not among ``allowed``.
    """
    known = sorted(allowed)
    stem, dot, extension = filename.strip().rpartition(".")
    if not stem or not dot or extension.lower() not in known:
        raise DocumentTypeUnsupported(expected=", ".join(known))
    return extension.lower()


def read_text(data: bytes) -> str:
    """Return the text in ``data``, with line feeds as its only line ends.

    UTF-8 with or without a mark, UTF-16 and UTF-32 with one, and Windows-1252
    (which Latin-1 text is too). Raises DocumentNotText for what is no text,
    DocumentEncodingUnknown for text that we would have to guess, DocumentEmpty for
    white space.
    """
    if data.lstrip().startswith(_OTHER_FORMATS):
        raise DocumentNotText
    text = _decoded(data)
    if "\0" in text:
        raise DocumentNotText
    text = _LINE_END.sub("\n", text)
    clean = _CONTROL.sub("", text)
    if len(text) - len(clean) > _MOST_CONTROLS * len(text):
        raise DocumentNotText
    if not clean.strip("\ufeff\u200b \t\n\xa0"):
        raise DocumentEmpty
    return clean


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as exc:
                raise DocumentEncodingUnknown from exc
    if b"\0" in data:
        raise DocumentNotText
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _western(data)


def _western(data: bytes) -> str:
    """Return ``data`` read as Windows-1252, if that is what it is.

    Other 8-bit alphabets show letters where none can be: a capital after a small
    letter, three accents in a row, hardly any ASCII. So does broken UTF-8 (``Ã§``).
    """
    controls = sum(data.count(byte) for byte in (*range(1, 9), *range(14, 32)))
    if controls > _MOST_CONTROLS * len(data):
        raise DocumentNotText
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as exc:
        raise DocumentEncodingUnknown from exc
    beyond = len(_BEYOND_ASCII.findall(text))
    plausible = len(_PLAUSIBLE.findall(text))
    if beyond > _MOST_BEYOND_ASCII * len(text) or plausible < _LEAST_PLAUSIBLE * beyond:
        raise DocumentEncodingUnknown
    return text
