import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.citations import CitedAnswer
from app.services.prose import Prose
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
        ("A [link](http://x).", "A [link](http://x).", []),
        ("[A], [ ], [1a], [x1] and [", "[A], [ ], [1a], [x1] and [", []),
        ("end [1", "end [1", []),
    ],
)
def test_marks_count_the_citations(said: str, sent: str, documents: list[str]) -> None:
    answer = answered(said)
    assert answer.text == sent
    assert [found.document_id for found in answer.citations] == documents


PIECES = (
    *(
        "[",
        "]",
        "[[",
        "]]",
        "(",
        ")",
        "【",
        "】",
        "［",
        "］",
        "\\",
        "^",
        "†",
        "†source",
    ),
    *("1", "2", "9", "0", "12", ", ", "-", ":", " ", " " * 9, ".", "\n", "a", "and"),
    *("[1]", "[2][3]", "[9]", "[1](http://x)", "Passage ", "p. 2", "{", "é"),
    *("x`", "x``", "x```", "\n```\n", "\n~~~\n", "\n> ```sh\n", "x" * 190),
)
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(texts, st.lists(st.integers(0, 400)), st.booleans(), st.booleans())
def test_the_cuts_between_deltas_change_nothing(
    text: str,
    cuts: list[int],
    cite: bool,  # noqa: FBT001 by Hypothesis
    shown: bool,  # noqa: FBT001 by Hypothesis
) -> None:
    passages = PASSAGES if shown else ()
    places = [0, *sorted(place for place in cuts if place < len(text)), len(text)]
    whole, streamed = (CitedAnswer("", passages, cite=cite) for _ in range(2))
    sent = [streamed.add(text[a:b]) for a, b in pairwise(places)]

    assert whole.add(text) + whole.finish() == whole.text
    assert "".join(sent) + streamed.finish() == streamed.text == whole.text
    assert streamed.citations == whole.citations


@given(texts)
def test_every_mark_of_an_answer_has_its_citation(text: str) -> None:
    answer = answered(text)

    prose = "`".join(
        stretch
        for stretch, is_code in Prose().cut(answer.text, last=True)
        if not is_code
    )
    marks = {int(number) for number in re.findall(r"\[(\d+)\]", prose)}
    assert marks <= set(range(1, len(answer.citations) + 1))
    assert not marks or max(marks) == len(marks) == len(answer.citations)


def test_only_what_may_be_a_mark_is_held_back() -> None:
    answer = CitedAnswer("", PASSAGES)
    assert answer.add("Yes [") == "Yes"
    assert answer.add("2") == ""
    assert answer.add("]") == ""
    assert answer.add(". And [it") == " [1]. And [it"
    assert answer.finish() == ""


@pytest.mark.parametrize("size", [7, 100_000])
@pytest.mark.parametrize(
    "unit", [" ", "[", "[1", "[ ", "1, ", "[1](", "[1†", "`", "`a``"]
)
def test_long_answers_of_one_thing_go_out_as_they_are(unit: str, size: int) -> None:
    text = unit * (100_000 // len(unit))
    answer = CitedAnswer("", PASSAGES)

    for place in range(0, len(text), size):
        answer.add(text[place : place + size])
    answer.finish()

    assert answer.text == text


def test_a_quote_is_the_best_sentence_verbatim() -> None:
    (found,) = answered("Trocas em até 30 dias [1].").citations
    assert found.quote == "Você pode trocar em até 30 dias. Guarde a nota fiscal."[:32]
    assert (found.filename, found.page, found.heading) == ("faq.md", 3, "Trocas")


SENTENCES = (
    "Returns are free within thirty days.",
    "Wrapping costs five euros a gift.",
    "The courier rings twice at every door.",
)


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("Returns are free within thirty days [1].", 4),
        ("Wrapping costs five euros a gift [1].", 5),
        ("The courier rings twice at every door [1].", 6),
    ],
)
def test_the_page_is_the_one_on_which_the_quote_stands(said: str, page: int) -> None:
    text = "\n\n".join(SENTENCES)
    pages = tuple((text.index(one), 4 + n) for n, one in enumerate(SENTENCES))
    answer = CitedAnswer("", [passage(text, pages=pages)])
    answer.add(said)
    answer.finish()

    [found] = answer.citations

    assert (found.page, found.quote) == (page, SENTENCES[page - 4])


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


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6), st.data())
def test_the_page_of_a_quote_has_it(said: list[str], data: st.DataObject) -> None:
    text = "\n".join(said)
    breaks = data.draw(st.sets(st.integers(1, len(text)), max_size=3))
    pages = tuple((place, 4 + n) for n, place in enumerate([0, *sorted(breaks)]))
    found = passage(text, pages=pages)
    answer = CitedAnswer("", [found])
    answer.add(f"{data.draw(st.sampled_from(SENTENCES))} [1]")
    answer.finish()

    [cited] = answer.citations

    places = [place.start() for place in re.finditer(re.escape(cited.quote), text)]
    assert cited.page in {found.chunk.page_at(place) for place in places}


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
