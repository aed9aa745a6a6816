"""What the model reads fits its budget, whatever there is to read."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.assistant import History, Retrieval
from app.models.document import Passage
from app.models.message import Author, Message, MessageStatus
from app.services.llm.port import CompletionRequest
from app.services.llm.tokens import estimate_tokens
from app.services.prompting import (
    ANSWER_TOKENS,
    MESSAGE_OVERHEAD,
    NOTHING_FITS,
    PASSAGES_HEAD,
    compose,
    readable,
)
from tests.support.made import assistant, chunk, message


def passage(text: str, **fields: Any) -> Passage:
    return Passage(chunk=chunk(text=text, **fields), score=1.0, coverage=1.0)


def said(text: str, *, by: Author = Author.CONTACT, **fields: Any) -> Message:
    usual: dict[str, Any] = {"status": MessageStatus.ANSWERED}
    return message(text=text, author=by, **(usual | fields))


def composed(**fields: Any) -> CompletionRequest:
    usual: dict[str, Any] = {
        "assistant": assistant(instructions="Be brief."),
        "question": "When?",
        "history": [],
        "passages": [],
        "model": "gpt-test",
        "context_tokens": 8000,
        "deadline": 1.0,
    }
    return compose(**(usual | fields))


def test_instructions_come_first_and_the_question_last() -> None:
    asked = composed(
        history=[said("Hello"), said("Hi!", by=Author.ASSISTANT)],
        passages=[passage("Nine to five.")],
    )

    assert [m.role for m in asked.messages] == ["system", "user", "assistant", "user"]
    system, *_, question = asked.messages
    assert system.text.startswith("Be brief.\n\n")
    assert "[1] (notes.md)\nNine to five." in system.text
    assert question.text == "When?"
    assert (asked.question, asked.assistant_name) == ("When?", "Guide")


def test_nothing_to_say_makes_no_system_message() -> None:
    asked = composed(assistant=assistant(instructions=""))

    assert [m.role for m in asked.messages] == ["user"]


@pytest.mark.parametrize(
    ("passages", "least", "is_told"),
    [
        ([], 0.5, True),
        ([], 0.0, True),
        ([], None, False),
        (None, 0.5, False),
        ([passage("Nine to five.")], 0.5, False),
    ],
)
def test_the_model_is_told_when_no_passage_reaches_the_lowest_score(
    passages: list[Passage] | None, least: float | None, *, is_told: bool
) -> None:
    strict = assistant(instructions="Be brief.", retrieval=Retrieval(min_score=least))
    asked = composed(assistant=strict, passages=passages)

    assert asked.messages[0].text.startswith("Be brief.")
    assert (NOTHING_FITS in asked.messages[0].text) is is_told


def test_passages_that_have_no_room_are_not_called_unfit() -> None:
    strict = assistant(retrieval=Retrieval(min_score=0.5))
    asked = composed(
        assistant=strict, passages=[passage("x" * 9000)], context_tokens=2000
    )

    assert asked.passages == ()
    assert NOTHING_FITS not in asked.messages[0].text
    assert PASSAGES_HEAD not in asked.messages[0].text


def test_passages_are_numbered_and_say_where_they_stand() -> None:
    asked = composed(
        passages=[
            passage("One.", filename="a.md"),
            passage("Two.", pages=((0, 3),)),
            passage("Three.", pages=((0, 4),), heading="Hours > Sunday"),
        ]
    )

    text = asked.messages[0].text
    assert PASSAGES_HEAD in text
    for shown in (
        "[1] (a.md)\nOne.",
        "[2] (notes.md, page 3)\nTwo.",
        "[3] (notes.md, page 4, Hours > Sunday)\nThree.",
    ):
        assert shown in text
    assert len(asked.passages) == 3


def test_passages_take_half_of_the_room_at_most() -> None:
    passages = [passage("x" * 350) for _ in range(100)]
    asked = composed(passages=passages, context_tokens=4000)

    room = 4000 - ANSWER_TOKENS
    spent = sum(estimate_tokens(p.chunk.text) for p in asked.passages)
    assert 0 < len(asked.passages) < 100
    assert spent <= room // 2
    assert spent > room // 2 - 300


def test_the_newest_history_goes_before_the_oldest() -> None:
    history = [said(f"{number:03} " + "x" * 300) for number in range(50)]
    asked = composed(
        assistant=assistant(history=History(messages=50)),
        history=history,
        context_tokens=ANSWER_TOKENS + 1000,
    )

    texts = [m.text for m in asked.messages[:-1]]
    assert 0 < len(texts) < 50
    assert texts == [m.text for m in history[-len(texts) :]]


@pytest.mark.parametrize(("most", "shown"), [(0, 0), (1, 1), (3, 3), (99, 5)])
def test_history_is_as_long_as_the_assistant_wants(most: int, shown: int) -> None:
    asked = composed(
        assistant=assistant(history=History(messages=most)),
        history=[said(str(number)) for number in range(5)],
    )

    assert len(asked.messages) == shown + 1


def test_the_question_is_there_though_nothing_else_fits() -> None:
    question = "x" * 32_000
    asked = composed(
        question=question,
        history=[said("Hello")],
        passages=[passage("Nine.")],
        context_tokens=100,
    )

    assert [m.role for m in asked.messages] == ["system", "user"]
    assert asked.messages[-1].text == question
    assert asked.passages == ()


def test_an_answer_that_was_cut_off_is_shown_as_such() -> None:
    asked = composed(
        history=[
            said("Half", by=Author.ASSISTANT, status=MessageStatus.INCOMPLETE),
        ]
    )

    assert (asked.messages[1].role, asked.messages[1].text) == (
        "assistant",
        "Half [cut off]",
    )
    assert asked.messages[0].text == "Be brief."


def test_what_an_attendant_wrote_is_read_as_such() -> None:
    asked = composed(
        history=[
            said("I will pay it back.", by=Author.ATTENDANT, status=MessageStatus.SENT),
        ]
    )

    system, written, _question = asked.messages
    assert (written.role, written.text) == (
        "assistant",
        "[human attendant] I will pay it back.",
    )
    assert "[human attendant]" in system.text


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), max_size=12),
    pieces=st.lists(st.integers(0, 3000), max_size=12),
    context=st.integers(1, 12_000),
    most=st.none() | st.integers(1, 4000),
)
def test_whatever_fits_stays_within_the_budget(
    sizes: list[int], pieces: list[int], context: int, most: int | None
) -> None:
    asked = composed(
        assistant=assistant(instructions="Be brief.", max_tokens=most),
        history=[said("h" * size) for size in sizes],
        passages=[passage("p" * size) for size in pieces],
        context_tokens=context,
    )

    spent = sum(estimate_tokens(m.text) + MESSAGE_OVERHEAD for m in asked.messages)
    alone = estimate_tokens("Be brief.") + estimate_tokens("When?")
    fixed = alone + 2 * MESSAGE_OVERHEAD + (most or ANSWER_TOKENS)
    assert spent + (most or ANSWER_TOKENS) <= max(context, fixed)
    assert asked.messages[-1].text == "When?"


@pytest.mark.parametrize("status", list(MessageStatus))
@pytest.mark.parametrize("by", list(Author))
def test_what_waits_is_for_the_console_or_was_never_delivered_is_not_read(
    status: MessageStatus, by: Author
) -> None:
    unread = {MessageStatus.PENDING, MessageStatus.NOTE}
    if by is Author.ASSISTANT:
        unread = {MessageStatus.SUPPRESSED}
    entry = said("Hello", status=status, by=by)

    assert readable([entry], without="other") == ([] if status in unread else [entry])


def test_the_question_itself_is_not_part_of_its_history() -> None:
    question, before = said("When?"), said("Hello")

    assert readable([before, question], without=question.id) == [before]


def test_an_answer_is_read_behind_its_question() -> None:
    first, second = said("First", seq=1), said("Second", seq=2)
    answer = said("Answer", seq=3, by=Author.ASSISTANT, in_reply_to=first.id)
    older = said("Older", seq=4, by=Author.ASSISTANT, in_reply_to="not here")

    order = readable([first, second, answer, older], without="other")

    assert [m.text for m in order] == ["Older", "First", "Answer", "Second"]
