import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import (
    AppError,
    DocumentEmpty,
    DocumentEncodingUnknown,
    DocumentNotText,
    DocumentTypeUnsupported,
)
from app.extraction.text_reading import check_extension, read_text
from app.texts import text

PORTUGUESE = "Devolução: não há exceções à vista; você põe à direita, AÇÃO e 3º andar."
SPANISH = "¿Cuándo llegará? ¡Mañana! El niño pequeño, corazón; está aquí."


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-32"],
)
@pytest.mark.parametrize("written", [PORTUGUESE, SPANISH])
def test_usual_encodings_read_the_same(encoding: str, written: str) -> None:
    assert read_text(written.encode(encoding)) == written


@pytest.mark.parametrize("mark", ["utf-16-be", "utf-32-be"])
def test_big_endian_files_need_their_mark(mark: str) -> None:
    assert read_text(("\ufeff" + PORTUGUESE).encode(mark)) == PORTUGUESE
    with pytest.raises(DocumentNotText):
        read_text(PORTUGUESE.encode(mark))


def test_typographic_signs_of_windows_are_read() -> None:
    written = "The “box” – caixa d\u2019água – costs 5\xa0€… and that is all of it"
    assert read_text(written.encode("cp1252")) == written


@pytest.mark.parametrize(
    "data",
    [
        "Привет, как дела, друг".encode("koi8-r"),
        "Товар можно вернуть. Contact us at mail@example.com".encode("cp1251"),
        "こんにちは世界、返品できます".encode("shift-jis"),
        "Many words in English and 你好 only".encode("gbk"),
        "Política de devolução, não há exceções".encode("cp850"),
        "Política de devolução, não há exceções".encode("mac-roman"),
        PORTUGUESE.encode() + PORTUGUESE.encode("cp1252"),
        b"\xff\xfea",
    ],
)
def test_an_encoding_that_would_be_a_guess_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentEncodingUnknown):
        read_text(data)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\nsome text",
        b"\n%PDF-1.7",
        b"PK\x03\x04 word document",
        b"MZ\x90\x00\x03",
        b"\x7fELF\x02",
        b"\x89PNG\r\n\x1a\n",
        b"{\\rtf1 text}",
        b"text\0text",
        "\ufefftext\0".encode("utf-16-le"),
        bytes(range(1, 256)),
        b"\x01\x02\x03 text",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentNotText):
        read_text(data)


@pytest.mark.parametrize("data", [b"", b" \r\n\t", b"\xef\xbb\xbf", "\xa0".encode()])
def test_a_file_without_words_is_empty(data: bytes) -> None:
    with pytest.raises(DocumentEmpty):
        read_text(data)


def test_html_is_text() -> None:
    assert read_text(b"<html>Hi</html>") == "<html>Hi</html>"


def test_line_ends_become_line_feeds() -> None:
    assert read_text("a\r\nb\rc\n\u2028d\x0ce".encode()) == "a\nb\nc\n\nd\ne"


def test_a_stray_control_character_is_dropped() -> None:
    assert read_text(b"x" * 200 + b"\x1b") == "x" * 200


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = read_text(data)
    except AppError:
        return
    assert found.strip()
    assert "\0" not in found
    assert "\r" not in found


@pytest.mark.parametrize("filename", ["a.md", "A.B.MD", " notes.Md "])
def test_the_extension_decides_in_any_case(filename: str) -> None:
    assert check_extension(filename, {"md", "txt"}) == "md"


@pytest.mark.parametrize("filename", ["a.pdf", "md", ".md", "a.md.exe", "a.", ""])
def test_other_extensions_are_refused_by_name(filename: str) -> None:
    with pytest.raises(DocumentTypeUnsupported) as refused:
        check_extension(filename, ("txt", "md"))
    assert refused.value.details == {"expected": "md, txt"}
    words = text("error.document_type_unsupported", **refused.value.details)
    assert "md, txt" in words
