"""Names as people send them become names that every disk can hold."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.models.filenames import MOST_BYTES, numbered_name, safe_name

DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\.|$)", re.IGNORECASE)
PARTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["../", "..\\", "/", "\\", ".", "..", "CON", "nul", "\0", "\u202e", " ", "é"]
    ),
)
NAMES = st.lists(PARTS, max_size=8).map("".join)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("hours.md", "hours.md"),
        ("Preços e horários.txt", "Preços e horários.txt"),
        ("документ.txt", "документ.txt"),
        ("文件 (2).md", "文件 (2).md"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\win.txt", "win.txt"),
        ("/absolute.txt", "absolute.txt"),
        ("C:\\users\\me.txt", "me.txt"),
        ("%2e%2e%2fx.txt", "_2e_2e_2fx.txt"),
        ("．．／x.txt", "x.txt"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nb.txt", "ab.txt"),
        (".htaccess", "htaccess"),
        ("...hidden.txt", "hidden.txt"),
        ("trailing. . ", "trailing"),
        ("invoice\u202etxt.exe.md", "invoicetxt.exe.md"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("CON .txt", "_CON .txt"),
        ("lpt9.md", "_lpt9.md"),
        ("COM¹.txt", "_COM1.txt"),
        ("contract.txt", "contract.txt"),
        ('a"b|c?.txt', "a_b_c_.txt"),
        ("café.txt", "café.txt"),
    ],
)
def test_a_name_becomes_safe(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


@pytest.mark.parametrize(
    "sent", ["", " ", ".", "..", "...", "/", "a/", "\\", "\0", "\u202e", "???", "___"]
)
def test_nothing_usable_leaves_an_empty_name(sent: str) -> None:
    assert safe_name(sent) == ""


@given(NAMES)
@example("con" + " " * 130 + "x.txt")
@example("con." + "a" * 116)
@example("e\u0301" * 70 + ".md")
@example("ﷺ" * 100 + ".txt")
def test_a_safe_name_is_safe_on_every_disk(sent: str) -> None:
    name = safe_name(sent)

    assert len(name.encode()) <= MOST_BYTES
    assert not any(c in '/\\:*?"<>|' for c in name)
    assert not any(unicodedata.category(c).startswith("C") for c in name)
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not DEVICES.match(name)
    assert safe_name(name) == name


@given(st.text(min_size=1, max_size=300), st.sampled_from(["md", "txt"]))
def test_the_extension_stays(stem: str, extension: str) -> None:
    name = safe_name(f"{stem}x.{extension}")

    assert name.endswith(f".{extension}")


@given(NAMES, st.integers(2, 999))
def test_a_number_keeps_a_name_safe_and_its_extension(sent: str, number: int) -> None:
    name = numbered_name(safe_name(f"{sent}x.md"), number)

    assert name.endswith(f"-{number}.md")
    assert len(name.encode()) <= MOST_BYTES
    assert safe_name(name) == name


def test_a_number_goes_before_the_extension() -> None:
    assert numbered_name("hours.md", 2) == "hours-2.md"
    assert numbered_name("README", 3) == "README-3"
