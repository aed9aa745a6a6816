"""Files that were made to do harm: each ends with a reason, and at little cost."""

import random
import struct
import tracemalloc
import zipfile
import zlib
from io import BytesIO

import docx
import openpyxl
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.extraction.formats import FORMATS
from app.texts import has_text
from tests.support.made_office import part_of, saved, with_parts
from tests.support.made_pdf import MadePdf, stream, written
from tests.support.reading import lines, reason

DOCUMENT = "word/document.xml"
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">
%s]><w:document xmlns:w="w"><w:body><w:p><w:r><w:t>&z;</w:t></w:r></w:p></w:body></w:document>
""" % b"\n".join(
    b'<!ENTITY %c "%s">' % (ord("b") + n, b"&%c;" % (ord("a") + n) * 10)
    for n in range(25)
)
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY z SYSTEM "file:///etc/passwd">]>
<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>a &z;</w:t></w:r></w:p></w:body></w:document>
"""


@pytest.fixture(scope="module")
def letter() -> bytes:
    document = docx.Document()
    document.add_paragraph("Olá")
    return saved(document)


@pytest.fixture(scope="module")
def book() -> bytes:
    made = openpyxl.Workbook()
    made.active.append(["Produto", "Preço"])
    made.active.append(["Caneca", 29.9])
    return saved(made)


def test_a_bomb_is_seen_before_it_is_unpacked(letter: bytes) -> None:
    bomb = with_parts(letter, {DOCUMENT: b"<x>" + b" " * 100 * 1024**2})

    tracemalloc.start()
    assert reason(bomb, "docx") == "too_large"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * 1024**2


def test_a_bomb_in_layers_is_not_opened_but_named(letter: bytes) -> None:
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.zip", b"\0" * 9 * 1024**2)
    layered = with_parts(letter, {f"lib/{n}.zip": inner.getvalue() for n in range(16)})

    assert lines(layered, "docx") == ["Olá"]
    assert reason(inner.getvalue(), "xlsx") == "not_that_format"


def test_more_members_than_any_document_has_are_refused(letter: bytes) -> None:
    assert reason(with_parts(letter, {f"{n}": b"" for n in range(10_001)}), "docx") == (
        "too_large"
    )


def test_members_that_lie_about_their_size_are_broken(letter: bytes) -> None:
    data = bytearray(with_parts(letter, {DOCUMENT: b"<x>" + b" " * 10**6}))
    directory = data.rindex(DOCUMENT.encode()) - 46
    assert data[directory : directory + 4] == b"PK\x01\x02"
    struct.pack_into("<I", data, directory + 24, 100)

    assert reason(bytes(data), "docx") == "broken"


@pytest.mark.parametrize("part", [LAUGHS, OUTSIDE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_not_expanded(letter: bytes, part: bytes, encoding: str) -> None:
    written = part.decode().encode(encoding)
    assert reason(with_parts(letter, {DOCUMENT: written}), "docx") == "broken"


def test_names_that_climb_and_links_are_never_followed(letter: bytes) -> None:
    stream = BytesIO(with_parts(letter, {"../../../../tmp/evil": b"x"}))
    link = zipfile.ZipInfo("word/media/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(link, "/etc/passwd")

    assert lines(stream.getvalue(), "docx") == ["Olá"]


def test_relations_that_climb_find_nothing(letter: bytes) -> None:
    relations = part_of(letter, "_rels/.rels").replace(
        b'"word/document.xml"', b'"../../../../etc/passwd"'
    )
    assert reason(with_parts(letter, {"_rels/.rels": relations}), "docx") == (
        "not_that_format"
    )


def test_a_picture_of_a_billion_pixels_is_not_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return (
            struct.pack(">I", len(data))
            + checked
            + struct.pack(">I", zlib.crc32(checked))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    picture = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "Olá"
    data = with_parts(saved(show), {"ppt/media/image1.png": picture})
    assert lines(data, "pptx") == ["Olá"]

    objects = MadePdf(["Olá"]).objects()
    objects[20] = stream(zlib.compress(b"\0" * 10**6)).replace(
        b"<<",
        b"<< /Type /XObject /Subtype /Image /Width 50000 /Height 50000"
        b" /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode",
    )
    objects[4] = objects[4].replace(b"/Font", b"/XObject << /X 20 0 R >> /Font")
    objects[5] = stream(b"/X Do BT /F1 11 Tf (Ol\xe1) Tj ET")
    assert lines(written(objects), "pdf") == ["Olá"]


def test_a_million_columns_are_refused_or_cut(book: bytes) -> None:
    assert reason(";".join("abc" for _ in range(10**6)), "csv") == "too_long"

    cells = b"".join(b"<c><v>1</v></c>" for _ in range(100_000))
    far = b'<row r="9"><c r="XFD9"><v>7</v></c><c r="ZZZ9"><v>8</v></c>%s</row>' % cells
    sheet = part_of(book, SHEET).replace(b"</sheetData>", far + b"</sheetData>")
    assert lines(with_parts(book, {SHEET: sheet}), "xlsx")[-1] == "7"


def test_spans_of_a_million_cells_cost_little() -> None:
    row = "<tr><td colspan=999999999 rowspan=999999999>a</td><td>b</td></tr>"
    assert reason(f"<table>{row * 50}</table>", "html") is None


def test_a_style_based_on_itself_ends() -> None:
    document = docx.Document()
    style = document.styles["Heading 1"]
    style.base_style = style
    document.add_paragraph("Olá", style="Heading 1")

    assert lines(saved(document), "docx") == ["Olá"]


@pytest.mark.parametrize(
    "deep", ["[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900]
)
def test_values_nested_without_end_are_refused(deep: str) -> None:
    assert reason(deep, "json") in {"too_long", "broken", "empty"}


def test_a_mail_in_a_mail_without_end_is_refused_or_read() -> None:
    data = "Subject: oi\nContent-Type: message/rfc822\n\n" * 5_000
    assert reason(data, "eml") in {None, "broken"}


def test_a_truncated_document_is_broken_or_read_in_part(
    letter: bytes, book: bytes
) -> None:
    pdf = MadePdf(["Olá, você " * 5] * 20).data()
    for data, extension in ((letter, "docx"), (book, "xlsx"), (pdf, "pdf")):
        for part in range(1, 10):
            cut = data[: len(data) * part // 10]
            assert reason(cut, extension) in {"broken", "no_text", None}


def test_a_document_with_flipped_bytes_never_fails_unexpectedly(
    letter: bytes, book: bytes
) -> None:
    random.seed(5)
    pdf = MadePdf(["Olá, você " * 5] * 3, outline=[(1, 1, "Olá")]).data()
    for data, extension in ((letter, "docx"), (book, "xlsx"), (pdf, "pdf")):
        for _ in range(40):
            changed = bytearray(data)
            for _ in range(10):
                changed[random.randrange(len(changed))] = random.randrange(256)
            said = reason(bytes(changed), extension)
            assert said is None or has_text(f"document.{said}")


STARTS = {
    "pdf": b"%PDF-1.7\n",
    "docx": b"PK\x03\x04",
    "pptx": b"PK\x03\x04",
    "xlsx": b"PK\x03\x04",
    "eml": b"Subject: ",
    "html": b"<table><tr><td>",
    "json": b"{",
}


@pytest.mark.parametrize("extension", sorted(FORMATS))
def test_random_bytes_are_read_or_refused_with_words(extension: str) -> None:
    @settings(deadline=None, max_examples=60)
    @given(data=st.binary(max_size=400), started=st.booleans())
    def check(data: bytes, *, started: bool) -> None:
        said = reason(STARTS.get(extension, b"") * started + data, extension)
        assert said is None or has_text(f"document.{said}")

    check()
