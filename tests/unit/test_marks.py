"""The ways in which models name passages, and what only looks like one."""

import pytest

from app.services.citations import CitedAnswer
from tests.support.knowledge import passage

PASSAGES = [passage(f"Sentence {name}.", document_id=name) for name in "abc"]


def answered(said: str, *, shown: bool = True, cite: bool = True) -> CitedAnswer:
    answer = CitedAnswer("", PASSAGES if shown else (), cite=cite)
    answer.add(said)
    answer.finish()
    return answer


@pytest.mark.parametrize(
    ("said", "sent", "documents"),
    [
        ("So【2】.", "So[1].", "b"),
        ("So 【2†source】.", "So [1].", "b"),
        ("So【3†L12-L20】 and【3†delivery.md】", "So[1] and[1]", "c"),
        ("So ［２］.", "So [1].", "b"),
        ("So [^2], and [^1].", "So [1], and [2].", "ba"),
        ("So [[2]].", "So [1].", "b"),
        ("So [[2].", "So [[1].", "b"),
        (r"So \[2\].", "So [1].", "b"),
        ("So [#2].", "So [1].", "b"),
        ("So [Passage 2].", "So [1].", "b"),
        ("So [source: 2] e [Trechos 1 e 3].", "So [1] e [2][3].", "bac"),
        ("So [2, p. 14] and [3, página 2].", "So [1] and [2].", "bc"),
        ("So [2 and 3], [1 & 2].", "So [1][2], [3][1].", "bca"),
        ("So [1\u20133].", "So [1][2][3].", "abc"),
        ("So [2](delivery.md), [3](http://x/y?z=1).", "So [1], [2].", "bc"),
        ("So [2](as I said).", "So [1](as I said).", "b"),
        ("So!\n\n[2]: b.md\n[1]: a.md", "So!\n\n[1]: b.md\n[2]: a.md", "ba"),
        ("So[2]\n[2] Delivery, page 4", "So[1]\n[1] Delivery, page 4", "b"),
        ("So【4:0†source】[9†x] [^9] [Passage 9] [[9]] [9](http://x).", "So.", ""),
    ],
)
def test_all_are_written_in_one_way(said: str, sent: str, documents: str) -> None:
    answer = answered(said)

    assert answer.text == sent
    assert "".join(found.document_id for found in answer.citations) == documents


@pytest.mark.parametrize(
    "said",
    [
        "10 m² and 3 km³, 1ª and H₂O.",
        "From 0 to 1: [0, 1], [0-9] and [0.5].",
        "Since [2024], order [1234], [1/2], [1:30], [1.2] and [1a].",
        "See [our shop](http://x/[1]) and [form 2 of 3](http://x).",
        "- [ ] open\n- [x] done",
        "Fill in [Name], [Documento 2] and [date].",
        "An end [Passage 1",
        "An end [1](http://",
        "「1」 and (1) and {1} and <1>",
    ],
)
def test_what_only_looks_like_one_is_left(said: str) -> None:
    assert answered(said).text == said


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize(
    "code",
    [
        "`a[1]`",
        "``a[9] ` b[2]``",
        "```\na[0] = b[1]\n```",
        "```python\na[0] = b[1]\n\nb[2]\n```",
        "~~~\na[1]\n```\na[2]\n~~~",
        "   ```\n   a[9]\n   ```",
        "> ```sh\n> a[9]\n> ```",
        "````\n```\na[9]\n```\na[9]\n````",
        "```\na[9] has no end",
    ],
)
def test_code_is_left_as_it_is(code: str, shown: bool) -> None:  # noqa: FBT001 a table
    before, after = "Use this:\n", "\n\nDone."

    answer = answered(f"{before}{code}{after}", shown=shown)

    assert answer.text == f"{before}{code}{after}"
    assert answer.citations == ()


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("`a[9]` is so [2]. [9]", "`a[9]` is so [1]."),
        ("`a[9]`[2], ``b`` [9].", "`a[9]`[1], ``b``."),
        ("A ` alone [2]; [9].", "A ` alone [1];."),
        ("A ` alone [2]\n\nand ` [9] so", "A ` alone [1]\n\nand ` so"),
        ("```\na[9]\n```\nSo [2] [9].", "```\na[9]\n```\nSo [1]."),
        ("```\na[9]\n````\nSo [2] [9].", "```\na[9]\n````\nSo [1]."),
        ("Three ``` in a line [2] [9].", "Three ``` in a line [1]."),
        ("```a[9]``` so [2] [9].", "```a[9]``` so [1]."),
        ("`" + "x" * 300 + "[9]` so [2]", "`" + "x" * 300 + "` so [1]"),
    ],
)
def test_outside_of_code_marks_are_marks(said: str, sent: str) -> None:
    answer = answered(said)

    assert answer.text == sent
    assert [found.document_id for found in answer.citations] == ["b"]


@pytest.mark.parametrize("space", ["", " \n"])
def test_data_for_a_program_is_left_as_it_is(space: str) -> None:
    said = space + '{"rows": [1, 2], "text": "So [9]."}'

    assert answered(said).text == said


def test_numbers_are_links_where_no_passage_was_shown() -> None:
    said = "Pages: [1](http://x/1) [2](http://x/2)"

    assert answered(said, shown=False).text == said
    assert answered(said, cite=False).text == "Pages:"


@pytest.mark.parametrize(
    ("said", "sent"),
    [("[[9]1]", "[ 1]"), ("[1[9]]", "[1 ]"), ("So `[9]`` b", "So ` `` b")],
)
def test_a_removed_mark_makes_no_new_one(said: str, sent: str) -> None:
    assert answered(said).text == sent


def test_code_goes_out_as_it_comes() -> None:
    answer = CitedAnswer("", PASSAGES)

    sent = [
        answer.add(piece) for piece in ("Use:\n``", "`py\n", "a[", "1]\n", "``", "`")
    ]

    assert sent == ["Use:\n", "```py\n", "a[", "1]\n", "", ""]
    assert answer.add("\nSo [2") == "```\nSo"
    assert answer.finish() == " [2"
