import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.sentences import sentences
from app.services.splitting import OVERLAP, PIECE, split

FAQ = """\
# Shop

## Opening

### When are you open?

Monday to Friday.

**Do you wrap gifts?**

Yes, ask for it.

## Returns
Within 30 days.
"""
PARAGRAPH = "This is a sentence of some length, one of many. " * 5
WRAPPED = """\
A long line of prose that is wrapped at about seventy characters or
so goes on."""
LONG = "\n\n".join(f"{number}. {PARAGRAPH}" for number in range(30))


def test_each_section_is_a_piece_under_its_path_of_headings() -> None:
    assert [(piece.heading, piece.text) for piece in split(FAQ, markdown=True)] == [
        (
            "Shop > Opening > When are you open?",
            "### When are you open?\n\nMonday to Friday.",
        ),
        (
            "Shop > Opening > Do you wrap gifts?",
            "**Do you wrap gifts?**\n\nYes, ask for it.",
        ),
        ("Shop > Returns", "## Returns\nWithin 30 days."),
    ]


@pytest.mark.parametrize(
    "faq",
    [
        "Do you wrap?\nYes.\n\nDo you ship?\nNo.",
        "Q: Do you wrap?\nA: Yes\nQ: Do you ship?\nA: No",
        "1. Do you wrap?\nYes\n2. Do you ship?\nNo",
        "- Do you wrap?\n  Yes\n- Do you ship?\n  No",
    ],
)
def test_a_question_keeps_its_answer_in_plain_text_too(faq: str) -> None:
    first, second = split(faq, markdown=False)
    assert first.text.splitlines()[0].endswith("Do you wrap?")
    assert "Yes" in first.text
    assert second.heading
    assert second.heading.endswith("Do you ship?")
    assert second.text.endswith(("No.", "No"))


def test_a_question_mark_in_wrapped_prose_begins_nothing() -> None:
    prose = "We wondered for a long time about it, and then asked\nwhy is it so?\nNobody knew."
    assert len(split(prose, markdown=False)) == 1


def test_a_heading_without_text_goes_with_what_follows() -> None:
    (piece,) = split("## Empty\n## Full\ntext", markdown=True)
    assert (piece.text, piece.heading) == ("## Empty\n## Full\ntext", "Full")


def test_a_heading_at_the_end_is_not_lost() -> None:
    assert [p.text for p in split("text\n\n# End", markdown=True)] == ["text", "# End"]


def test_underlined_headings_count_and_fenced_ones_do_not() -> None:
    (piece,) = split("Title\n=====\n```\n# no\nwhy?\n```\n", markdown=True)
    assert piece.heading == "Title"


def test_plain_text_has_no_headings() -> None:
    (piece,) = split("# Title\ntext", markdown=False)
    assert piece.heading is None


def test_a_long_section_is_cut_with_overlap_under_one_heading() -> None:
    pieces = split("# A\n\n" + PARAGRAPH * 40, markdown=True)
    assert len(pieces) > 5
    assert {piece.heading for piece in pieces} == {"A"}
    assert pieces[0].text.startswith("# A\n\nThis")
    for before, after in pairwise(pieces):
        assert 0 < before.start + len(before.text) - after.start <= OVERLAP


def test_a_long_answer_stays_under_its_question() -> None:
    pieces = split(f"Why so?\n\n{LONG}\n\nWhat else?\n\nNothing.", markdown=False)
    assert {piece.heading for piece in pieces[:-1]} == {"Why so?"}
    assert pieces[-1].heading == "What else?"


@settings(deadline=None)
@given(
    text=st.text(st.sampled_from("ab #?\n=-*`.é"), max_size=300),
    times=st.integers(1, 9),
    markdown=st.booleans(),
)
def test_pieces_are_verbatim_bounded_and_lose_no_word(
    text: str, times: int, *, markdown: bool
) -> None:
    text = text * times
    pieces = split(text, markdown=markdown)
    for piece in pieces:
        assert piece.text
        assert text[piece.start : piece.start + len(piece.text)] == piece.text
        assert len(piece.text) <= 2 * PIECE + 200
    covered = set()
    for piece in pieces:
        covered |= set(range(piece.start, piece.start + len(piece.text)))
        covered |= {i for i, c in enumerate(text) if c in (piece.heading or "")}
    assert all(i in covered for i, c in enumerate(text) if c.isalpha())


@pytest.mark.parametrize(
    "unit", ["word ", "x", "Is it?\n", "# a\n", "|a|b|\n", "[", "> "]
)
@pytest.mark.parametrize("markdown", [True, False])
def test_monotonous_megabytes_take_seconds_and_stay_in_pieces(
    unit: str, *, markdown: bool
) -> None:
    started = time.monotonic()
    pieces = split(unit * (1_000_000 // len(unit)), markdown=markdown)
    assert time.monotonic() - started < 10
    assert all(len(piece.text) <= 2 * PIECE for piece in pieces)


def test_the_splitter_is_loaded_by_the_first_long_document_only() -> None:
    code = (
        "import sys; from app.services.splitting import split; split('a', markdown=True);"
        "sys.exit('semantic_text_splitter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sentences_end_where_a_reader_stops() -> None:
    text = (
        "Frete: R$ 29.90. Entregamos na Av. Brasil 10. Prazo de 5 dias.\n"
        f"Seg: 9h\nTer: 10h\n{WRAPPED} End"
    )
    assert [text[start:end] for start, end in sentences(text)] == [
        "Frete: R$ 29.90.",
        "Entregamos na Av. Brasil 10.",
        "Prazo de 5 dias.",
        "Seg: 9h",
        "Ter: 10h",
        WRAPPED,
        "End",
    ]
