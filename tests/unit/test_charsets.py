"""What a host says of a text's charset stays with the text."""

import codecs
from encodings.aliases import aliases

import pytest

from app.fetching.charsets import as_utf8
from app.fetching.content_type import content_type

MARK = codecs.BOM_UTF8


@pytest.mark.parametrize(
    ("charset", "text", "written_as"),
    [
        ("utf-8", "<p>Olá", "utf-8"),
        ("iso-8859-1", "“Olá” €5", "cp1252"),
        ("us-ascii", "“Olá”", "cp1252"),
        ("iso-8859-9", "İstanbul…", "cp1254"),
        ("latin2", "Plzeň", "iso8859-2"),
        ("windows-1251", "Привет", "cp1251"),
        ("gb2312", "中文，鎔", "gb18030"),
        ("shift_jis", "①時間", "cp932"),
        ("euc-kr", "똠방", "cp949"),
        ("big5", "時間", "big5"),
        ("iso-2022-jp", "時間", "iso2022_jp"),
        ("utf-16", "Olá", "utf-16-le"),
    ],
)
def test_a_text_is_kept_in_utf_8_with_a_mark(
    charset: str, text: str, written_as: str
) -> None:
    assert as_utf8(text.encode(written_as), charset) == MARK + text.encode()


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("Olá".encode("cp1252"), None),
        ("Olá".encode("cp1252"), "utf-8"),
        ("Olá".encode("utf-8-sig"), "iso-8859-1"),
        ("Olá".encode("utf-16"), "iso-8859-1"),
        (b"odd", "utf-16"),
        (b"a-b" * 1_000_000, "punycode"),
        (b"xn--a." * 1_000_000, "idna"),
        (b"+AGEAYg-", "utf-7"),
        (b"\\u0041", "unicode_escape"),
        (b"x", "undefined"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_what_it_does_not_say_or_says_wrong_changes_nothing(
    data: bytes, charset: str | None
) -> None:
    assert as_utf8(data, charset) == data


def test_no_charset_that_a_host_may_tell_is_too_odd() -> None:
    for name in {*aliases, *aliases.values()}:
        _, told = content_type(f"text/html; charset={name}")
        assert as_utf8(b"Hello", told).endswith(b"Hello"), name
