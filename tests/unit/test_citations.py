import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.citations import CitedAnswer
from app.services.quoting import LONGEST_QUOTE
from tests.support.knowledge import passage

PASSAGES = (
    passage(
        "### Prazo de troca?\n\nVocê pode trocar em até 30 dias. Guarde a nota fiscal.",
        document_id="faq",
        filename="faq.md",
        heading="Trocas",
        pages=((0, 3),),
        language="pt",
    ),
    passage("Delivery to Manaus takes 10 days. We ship by courier.", document_id="del"),
    passage("Gift boxes with a ribbon cost R$ 12.00 each.", document_id="gifts"),
)


def answered(text: str, *, cite: bool = True, question: str = "") -> CitedAnswer:
    answer = CitedAnswer(question, PASSAGES, cite=cite)
    answer.add(text)
    answer.finish()
    return answer


@pytest.mark.parametrize(
    ("said", "sent", "documents"),
    [
        ("It is so [2].", "It is so [1].", ["del"]),
        ("A [2] b [1] c [2].", "A [1] b [2] c [1].", ["del", "faq"]),
        ("Both[1][2].", "Both[1][2].", ["faq", "del"]),
        ("Both [2, 1].", "Both [1][2].", ["del", "faq"]),
        ("All [1-3].", "All [1][2][3].", ["faq", "del", "gifts"]),
        ("All [ 3 ; 1 ].", "All [1][2].", ["gifts", "faq"]),
        ("No [9].", "No.", []),
        ("No [0] and [2, 9]!", "No and [1]!", ["del"]),
        ("In [2024] and [1234].", "In [2024] and [1234].", []),
        (
            "A [link](http://x) and [1](http://y).",
            "A [link](http://x) and [1](http://y).",
            [],
        ),
        ("[A], [ ], [1a], [x1] and [", "[A], [ ], [1a], [x1] and [", []),
        ("end [1", "end [1", []),
    ],
)
def test_marks_count_the_citations(said: str, sent: str, documents: list[str]) -> None:
    answer = answered(said)
    assert answer.text == sent
    assert [found.document_id for found in answer.citations] == documents


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "[",
                "]",
                "1",
                "2",
                "9",
                "12",
                ", ",
                "-",
                " ",
                "a",
                "(",
                "[1]",
                "[2][3]",
                ".",
            ]
        ),
        max_size=25,
    )
)
def test_the_cuts_between_deltas_change_nothing(deltas: list[str]) -> None:
    streamed = CitedAnswer("", PASSAGES)
    sent = "".join(map(streamed.add, deltas)) + streamed.finish()
    whole = answered("".join(deltas))
    assert sent == streamed.text == whole.text
    assert streamed.citations == whole.citations


def test_only_what_may_be_a_mark_is_held_back() -> None:
    answer = CitedAnswer("", PASSAGES)
    assert answer.add("Yes [") == "Yes"
    assert answer.add("2") == ""
    assert answer.add("]") == ""
    assert answer.add(". And [see") == " [1]. And [see"
    assert answer.finish() == ""


def test_long_answers_of_blanks_and_digits_take_no_time() -> None:
    for text in (" " * 200_000, "[1" * 100_000, "[" + "1, " * 70_000, "[ " * 100_000):
        started = time.monotonic()
        assert answered(text).text == text
        assert time.monotonic() - started < 5


def test_a_quote_is_the_best_sentence_verbatim() -> None:
    (found,) = answered("Trocas em até 30 dias [1].").citations
    assert found.quote == "Você pode trocar em até 30 dias. Guarde a nota fiscal."[:32]
    assert (found.filename, found.page, found.heading) == ("faq.md", 3, "Trocas")


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("Returns are free within thirty days [1].", 4),
        ("Wrapping costs five euros a gift [1].", 5),
        ("The courier rings twice at every door [1].", 6),
    ],
)
def test_the_page_is_the_one_on_which_the_quote_stands(said: str, page: int) -> None:
    sentences = (
        "Returns are free within thirty days.",
        "Wrapping costs five euros a gift.",
        "The courier rings twice at every door.",
    )
    text = "\n\n".join(sentences)
    pages = tuple((text.index(one), 4 + n) for n, one in enumerate(sentences))
    answer = CitedAnswer("", [passage(text, pages=pages)])
    answer.add(said)
    answer.finish()

    [found] = answer.citations

    assert (found.page, found.quote) == (page, sentences[page - 4])


def test_a_quote_that_goes_over_a_page_is_cited_where_it_begins() -> None:
    text = "The courier rings twice\nat every door of the house."
    answer = CitedAnswer("", [passage(text, pages=((0, 4), (24, 5)))])
    answer.add("The courier rings twice at every door [1].")
    answer.finish()

    [found] = answer.citations

    assert (found.page, found.quote) == (4, text)


@settings(deadline=None)
@given(st.text(max_size=900), st.text(max_size=50))
def test_a_quote_stands_in_its_chunk_and_is_short(text: str, said: str) -> None:
    answer = CitedAnswer("", [passage(text)])
    answer.add(f"{said} [1]")
    answer.finish()
    for found in answer.citations:
        assert found.quote in text
        assert len(found.quote) <= LONGEST_QUOTE


def test_an_answer_without_marks_cites_what_carries_it() -> None:
    answer = answered("It takes 10 days to Manaus, by courier.", question="How long?")
    assert answer.text == "It takes 10 days to Manaus, by courier."
    assert [found.document_id for found in answer.citations] == ["del"]


@pytest.mark.parametrize(
    "said",
    [
        "I don't know how many days Manaus takes by courier.",
        "Não encontrei os dias para Manaus; delivery courier ship.",
        "Hello! How can I help you today?",
        "The moon is made of green cheese and stars.",
        "Manaus.",
        "",
    ],
)
def test_an_answer_that_no_passage_carries_cites_none(said: str) -> None:
    assert answered(said, question="Manaus?").citations == ()


def test_words_that_the_question_brought_carry_nothing() -> None:
    question = "Is delivery to Manaus by courier in 10 days?"
    assert (
        answered("Delivery to Manaus by courier: 10 days?", question=question).citations
        == ()
    )


def test_unwanted_citations_leave_no_marks() -> None:
    answer = answered("It takes 10 days [2], by courier [1][9].", cite=False)
    assert answer.text == "It takes 10 days, by courier."
    assert answer.citations == ()


def test_without_passages_marks_are_inventions() -> None:
    answer = CitedAnswer("", ())
    assert answer.add("Sure [1]. ") + answer.finish() == "Sure. "
    assert answer.citations == ()
