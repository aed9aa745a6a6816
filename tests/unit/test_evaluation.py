"""How well retrieval does, from what it found."""

from pathlib import Path

import pytest

from app.cli.evaluation_cases import CaseFileError, read_cases
from app.models.evaluation import Case, Expected, Outcome, quality
from tests.support.knowledge import chunk, passage

HOURS = Expected(document="hours.md", contains="at nine")
WHOLE = """\
assistant: Vale
cases:
  - question: Até que horas vocês ficam abertos?
    expect:
      document: hours.md
      contains: at nine

  - question: And on Sundays?
    language: en
    after: When do you open?
    expect:
      - document: "*.pdf"
        page: 2
      - document: hours.md
        heading: Sundays
  - question: Do you sell boats?
    expect: nothing
"""


def outcome(*texts: str, expected: Expected | None = HOURS, **other: float) -> Outcome:
    case = Case(
        question="When?", language="en", expected=(expected,) if expected else ()
    )
    passages = [passage(text, filename="hours.md", **other) for text in texts]
    return Outcome(case, tuple(passages), 0.0)


@pytest.mark.parametrize(
    ("expected", "is_right"),
    [
        (Expected(document="hours.md"), True),
        (Expected(document="HOURS.md"), True),
        (Expected(document="*.md", contains="opens AT nine"), True),
        (Expected(document="prices.md", contains="nine"), False),
        (Expected(document="hours.md", contains="at ten"), False),
        (Expected(document="hours.md", page=3), True),
        (Expected(document="hours.md", page=5), False),
        (Expected(document="hours.md", heading="weekdays"), True),
        (Expected(document="hours.md", heading="Sundays"), False),
        (Expected(document="hours.md", contains="nine", page=5), False),
    ],
)
def test_a_passage_is_right_when_all_holds_that_is_said(
    expected: Expected,
    is_right: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = chunk(
        "The shop opens\nat nine.",
        filename="hours.md",
        heading="Hours > Weekdays",
        pages=((0, 3), (10, 4)),
    )
    assert expected.is_in(found) is is_right


def test_a_name_with_marks_of_a_pattern_is_itself() -> None:
    found = chunk("text", filename="prices [2026].md")
    assert Expected(document="prices [2026].md").is_in(found)


def test_recall_and_rank_count_the_first_right_passage() -> None:
    outcomes = [
        outcome("at nine", "else"),
        outcome("else", "at nine", "open at nine"),
        outcome("else", "else", "else", "at nine"),
        outcome("else"),
    ]

    made = quality(outcomes, (1, 2, 4))

    assert made.questions == 4
    assert made.recall == {1: 0.25, 2: 0.5, 4: 0.75}
    assert made.mrr == pytest.approx((1 + 1 / 2 + 1 / 4) / 4)


def test_a_rank_below_the_greatest_k_counts_nothing() -> None:
    assert quality([outcome("else", "at nine")], (1,)).mrr == 0


def test_passages_below_the_threshold_are_not_found() -> None:
    found = outcome("at nine", score=0.4)
    assert (found.rank(0.4), found.rank(0.5)) == (1, None)
    assert found.score == 0.4


def test_a_file_is_read_with_the_places_of_its_cases(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(WHOLE)

    named, (first, second, third) = read_cases(path)

    assert named == "Vale"
    assert (first.language, first.expected, first.after) == ("pt", (HOURS,), ())
    assert second.after == ("When do you open?",)
    assert second.expected == (
        Expected(document="*.pdf", page=2),
        Expected(document="hours.md", heading="Sundays"),
    )
    assert (third.language, third.expected) == ("en", ())
    assert third.place == f"{path}, line 16, case 3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: [", "line 1"),
        ("cases:\n  - question: How: so?\n", "line 2"),
        ("- question: x\n", "valid dictionary"),
        ("", "valid dictionary"),
        ("cases: []\n", "cases: List should have at least 1 item"),
        ("case: []\n", "case: Extra inputs"),
        ("cases:\n  - expect: nothing\n", "line 2, case 1: question: Field required"),
        (
            "cases:\n  - question: a\n    expect: nothing\n  - question: b\n",
            "line 4, case 2: expect: Field required",
        ),
        (
            "cases:\n  - question: a\n    expect: {contains: b}\n",
            "case 1: expect.document: Field required",
        ),
        (
            "cases:\n  - question: a\n    expect: {document: b, pages: 3}\n",
            "case 1: expect.pages: Extra inputs",
        ),
        (
            "cases:\n  - question: a\n    expect: {document: b, page: three}\n",
            "case 1: expect.page: Input should be a valid integer",
        ),
        ("cases:\n  - question: a\n    expect: []\n", "case 1: expect: a passage"),
        ("cases:\n  - question: a\n    expect: none\n", "case 1: expect: a passage"),
        ("cases:\n  - just text\n", "line 2, case 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    with pytest.raises(CaseFileError) as raised:
        read_cases(path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match="No such file"):
        read_cases(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("cases: ação".encode("latin-1"))
    with pytest.raises(CaseFileError, match="no UTF-8"):
        read_cases(tmp_path / "latin.yaml")
