import subprocess
import sys
import time
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.extraction.extract import Extract, Heading
from app.services.knowledge.splitting import OVERLAP, PIECE, split
from app.services.sentences import sentences

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
    assert [
        (piece.heading, piece.text) for piece in split(Extract(FAQ, markdown=True))
    ] == [
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
    first, second = split(Extract(faq, markdown=False))
    assert first.text.splitlines()[0].endswith("Do you wrap?")
    assert "Yes" in first.text
    assert second.heading
    assert second.heading.endswith("Do you ship?")
    assert second.text.endswith(("No.", "No"))


def test_a_question_mark_in_wrapped_prose_begins_nothing() -> None:
    prose = "We wondered for a long time about it, and then asked\nwhy is it so?\nNobody knew."
    assert len(split(Extract(prose, markdown=False))) == 1


def test_a_heading_without_text_goes_with_what_follows() -> None:
    (piece,) = split(Extract("## Empty\n## Full\ntext", markdown=True))
    assert (piece.text, piece.heading) == ("## Empty\n## Full\ntext", "Full")


def test_a_heading_at_the_end_is_not_lost() -> None:
    assert [p.text for p in split(Extract("text\n\n# End", markdown=True))] == [
        "text",
        "# End",
    ]


def test_underlined_headings_count_and_fenced_ones_do_not() -> None:
    (piece,) = split(Extract("Title\n=====\n```\n# no\nwhy?\n```\n", markdown=True))
    assert piece.heading == "Title"


def test_plain_text_has_no_headings() -> None:
    (piece,) = split(Extract("# Title\ntext", markdown=False))
    assert piece.heading is None


def test_a_long_section_is_cut_with_overlap_under_one_heading() -> None:
    pieces = split(Extract("# A\n\n" + PARAGRAPH * 40, markdown=True))
    assert len(pieces) > 5
    assert {piece.heading for piece in pieces} == {"A"}
    assert pieces[0].text.startswith("# A\n\nThis")
    for before, after in pairwise(pieces):
        assert 0 < before.start + len(before.text) - after.start <= OVERLAP


def test_a_long_answer_stays_under_its_question() -> None:
    pieces = split(
        Extract(f"Why so?\n\n{LONG}\n\nWhat else?\n\nNothing.", markdown=False)
    )
    assert {piece.heading for piece in pieces[:-1]} == {"Why so?"}
    assert pieces[-1].heading == "What else?"


def test_headings_are_those_that_the_extract_names() -> None:
    text = "Shop\nWe sell gifts.\nOpening\nNine to five.\nNot a heading\n"
    extract = Extract(
        text,
        headings=(Heading(0, 5, 1, "Shop"), Heading(20, 28, 2, "Opening")),
    )
    assert [(piece.heading, piece.text) for piece in split(extract)] == [
        ("Shop", "Shop\nWe sell gifts."),
        ("Shop > Opening", "Opening\nNine to five.\nNot a heading"),
    ]


def test_headings_that_the_page_does_not_show_stand_above_it_all_the_same() -> None:
    text = "We sell gifts.\nNine to five.\nFree within a month.\n"
    extract = Extract(
        text,
        headings=(
            Heading(0, 0, 1, "Handbook"),
            Heading(0, 0, 2, "Shop"),
            Heading(15, 15, 3, "Opening"),
            Heading(29, 29, 2, "Returns"),
        ),
    )
    assert [(piece.heading, piece.text) for piece in split(extract)] == [
        ("Handbook > Shop", "We sell gifts."),
        ("Handbook > Shop > Opening", "Nine to five."),
        ("Handbook > Returns", "Free within a month."),
    ]


def test_a_heading_within_a_line_is_not_lost() -> None:
    text = "We sell gifts. Nine to five.\nFree within a month.\n"
    extract = Extract(text, headings=(Heading(15, 15, 1, "Opening"),))
    pieces = split(extract)
    assert "Opening" in [piece.heading for piece in pieces]


def test_a_question_under_a_heading_that_is_not_shown_keeps_its_answer() -> None:
    text = "Do you wrap?\nYes.\n"
    [piece] = split(Extract(text, headings=(Heading(0, 0, 1, "Gifts"),)))
    assert (piece.heading, piece.text) == ("Gifts > Do you wrap?", text.strip())


def test_a_piece_knows_where_in_it_which_page_begins() -> None:
    text = "One.\n\nTwo.\n\nThree.\n"
    pages = ((0, 7), (6, 8), (12, 9))
    [piece] = split(Extract(text, pages=pages))
    assert piece.pages == pages
    first, second = split(
        Extract(text, headings=(Heading(6, 6, 1, "Two"),), pages=pages)
    )
    assert first.pages == ((0, 7),)
    assert second.pages == ((0, 8), (6, 9))


def test_pages_begin_with_the_piece_where_blanks_were_cut_off() -> None:
    text = "   \n  One.\n\n   Two.\n"
    [piece] = split(Extract(text, pages=((0, 1), (12, 2))))
    assert piece.text.startswith("One.")
    assert piece.pages == ((0, 1), (6, 2))


@settings(deadline=None)
@given(
    parts=st.lists(
        st.text(st.sampled_from("ab #?\n"), max_size=400), min_size=1, max_size=8
    ),
    headings=st.lists(st.integers(0, 3), max_size=4),
)
def test_each_character_stands_on_its_page(
    parts: list[str], headings: list[int]
) -> None:
    text = "".join(parts)
    places = list(accumulate(map(len, parts[:-1]), initial=0))
    pages = tuple((place, number) for number, place in enumerate(places, 1))
    starts = sorted(places[n] for n in headings if n < len(places))
    extract = Extract(
        text,
        headings=tuple(Heading(start, start, 1, "x") for start in starts),
        pages=pages,
    )
    for piece in split(extract):
        assert text[piece.start : piece.start + len(piece.text)] == piece.text
        assert piece.pages[0][0] == 0
        for place in range(len(piece.text)):
            told = [number for begins, number in piece.pages if begins <= place][-1]
            real = [number for begins, number in pages if begins <= piece.start + place]
            assert told == real[-1]


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
    pieces = split(Extract(text, markdown=markdown))
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
    pieces = split(Extract(unit * (1_000_000 // len(unit)), markdown=markdown))
    assert time.monotonic() - started < 10
    assert all(len(piece.text) <= 2 * PIECE for piece in pieces)


def test_the_splitter_is_loaded_by_the_first_long_document_only() -> None:
    code = (
        "import sys; from app.services.knowledge.splitting import split;"
        " from app.extraction.extract import Extract; split(Extract('a'));"
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
