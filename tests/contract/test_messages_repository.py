from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.models.message import (
    Author,
    Citation,
    Inbound,
    Message,
    MessageStatus,
    Tokens,
)
from app.repositories.messages import MessageRepository
from tests.support.made import HARD_TEXTS, message
from tests.support.races import at_once

NAMELESS = Inbound(idempotency_key=None, channel_message=None, fingerprint="f")


def inbound(
    key: str | None = None, channel: str | None = None, fingerprint: str = "f"
) -> Inbound:
    return Inbound(
        idempotency_key=key, channel_message=channel, fingerprint=fingerprint
    )


def answer_to(question: Message, **fields: Any) -> Message:
    usual: dict[str, Any] = {
        "author": Author.ASSISTANT,
        "status": MessageStatus.SENT,
        "seq": question.seq + 1,
        "in_reply_to": question.id,
    }
    return message(**(usual | fields))


WHOLE: dict[str, Any] = {
    "author": Author.ASSISTANT,
    "status": MessageStatus.INCOMPLETE,
    "tokens": Tokens(tokens_in=5, tokens_out=0),
    "model": "gpt-test",
    "citations": (
        Citation(document_id="d", filename="a.md", page=1, heading=None, quote="$q"),
        Citation(document_id="d", filename="b.md", page=None, heading="H", quote=""),
    ),
    "in_reply_to": "m0",
    "turn": "t1",
    "failure": "provider_timeout",
}


@pytest.mark.parametrize("fields", [{}, WHOLE], ids=["plain", "whole"])
def test_a_message_is_read_as_it_was_written(
    messages: MessageRepository, fields: dict[str, Any]
) -> None:
    made = message(**fields)
    messages.add(made)

    assert messages.get(made.id) == made
    assert messages.latest("c1", 5) == [made]
    assert messages.get("none") is None


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_text_survives(messages: MessageRepository, text: str) -> None:
    made = message(text=text, metadata={"note": text})
    assert messages.add_inbound(made, NAMELESS)

    assert messages.get(made.id) == made


def test_any_metadata_key_survives_in_its_order(messages: MessageRepository) -> None:
    keys = ["$set", "a.b", "", "$", ".", "_id", "ключ 🔑", "\0", "a" * 1000]
    made = message(metadata={key: f"of {key}" for key in keys})
    assert messages.add_inbound(made, NAMELESS)

    found = messages.get(made.id)
    assert found == made
    assert list(found.metadata) == keys


# What came in


def test_a_message_is_found_by_either_of_its_ids(messages: MessageRepository) -> None:
    made, other = message(), message(seq=2)
    assert messages.add_inbound(made, inbound("k1", "w1", "f1"))
    assert messages.add_inbound(other, inbound("k2", "w2", "f2"))

    assert messages.find_inbound(inbound("k1")) == [(made, "f1")]
    assert messages.find_inbound(inbound(None, "w1")) == [(made, "f1")]
    assert messages.find_inbound(inbound("k1", "w2")) == [(made, "f1"), (other, "f2")]
    assert messages.find_inbound(inbound("k3", "w3")) == []
    assert messages.find_inbound(NAMELESS) == []


@pytest.mark.parametrize(
    "ids",
    [inbound("k1"), inbound(None, "w1"), inbound("k1", "other"), inbound("new", "w1")],
)
def test_taken_ids_are_refused(messages: MessageRepository, ids: Inbound) -> None:
    first = message()
    assert messages.add_inbound(first, inbound("k1", "w1"))

    assert not messages.add_inbound(message(seq=2), ids)

    assert messages.latest("c1", 9) == [first]


def test_a_key_and_a_message_id_are_not_mixed_up(messages: MessageRepository) -> None:
    assert messages.add_inbound(message(), inbound("same", None))
    assert messages.add_inbound(message(seq=2), inbound(None, "same"))


def test_messages_without_ids_are_all_stored(messages: MessageRepository) -> None:
    made = [message(seq=number) for number in (1, 2, 3)]

    assert all(messages.add_inbound(one, NAMELESS) for one in made)
    assert messages.latest("c1", 9) == made


@pytest.mark.parametrize("ids", [inbound("k"), inbound(None, "w"), inbound("k", "w")])
def test_of_many_with_the_same_ids_at_once_one_is_stored(
    messages: MessageRepository, ids: Inbound
) -> None:
    results = at_once(lambda number: messages.add_inbound(message(seq=number + 1), ids))

    assert results.count(True) == 1
    [stored] = messages.latest("c1", 99)
    assert stored.seq == results.index(True) + 1


def test_a_place_on_the_timeline_is_taken_once(messages: MessageRepository) -> None:
    results = at_once(lambda n: messages.add_inbound(message(seq=7), inbound(f"k{n}")))

    assert results.count(True) == 1
    assert messages.add_inbound(message(seq=7, chat_id="c2"), NAMELESS)


def test_released_ids_may_be_used_again(messages: MessageRepository) -> None:
    old, new = message(), message(seq=2)
    ids = inbound("k1", "w1")
    assert messages.add_inbound(old, ids)

    messages.release_inbound(old.id)
    messages.release_inbound("none")

    assert messages.find_inbound(ids) == []
    assert messages.get(old.id) == old
    assert messages.add_inbound(new, ids)
    assert messages.find_inbound(ids) == [(new, "f"), (new, "f")]


# The end of a turn


def test_a_pending_message_ends_once(messages: MessageRepository) -> None:
    made = message(turn="t1")
    messages.add_inbound(made, NAMELESS)

    assert not messages.end_turn(made.id, "t2", MessageStatus.HUMAN)
    assert not messages.end_turn("none", "t1", MessageStatus.HUMAN)
    assert messages.get(made.id) == made

    assert messages.end_turn(
        made.id, "t1", MessageStatus.FAILED, failure="provider_timeout"
    )
    ended = replace(made, status=MessageStatus.FAILED, failure="provider_timeout")
    assert messages.get(made.id) == ended

    assert not messages.end_turn(made.id, "t1", MessageStatus.HUMAN)
    assert messages.get(made.id) == ended


def test_of_many_ends_at_once_one_counts(messages: MessageRepository) -> None:
    made = message(turn="t1")
    messages.add_inbound(made, NAMELESS)

    results = at_once(
        lambda n: messages.end_turn(
            made.id, "t1", MessageStatus.FAILED, failure=f"code {n}"
        )
    )

    assert results.count(True) == 1
    found = messages.get(made.id)
    assert found
    assert found.failure == f"code {results.index(True)}"


def test_a_failed_message_is_reopened_once(messages: MessageRepository) -> None:
    made = message(turn="t1")
    messages.add_inbound(made, NAMELESS)
    assert not messages.reopen(made.id, turn_id="t2")
    messages.end_turn(made.id, "t1", MessageStatus.FAILED, failure="interrupted")

    results = at_once(lambda n: messages.reopen(made.id, turn_id=f"new {n}"))

    assert results.count(True) == 1
    turn = f"new {results.index(True)}"
    assert messages.get(made.id) == replace(made, turn=turn)
    assert not messages.reopen("none", turn_id="t2")


@pytest.mark.parametrize(
    "status", [s for s in MessageStatus if s is not MessageStatus.FAILED]
)
def test_only_what_failed_is_reopened(
    messages: MessageRepository, status: MessageStatus
) -> None:
    made = message(turn="t1", status=status)
    messages.add(made)

    assert not messages.reopen(made.id, turn_id="t2")
    assert messages.get(made.id) == made


# Answers


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_ends_its_question_however_often_it_is_written(
    messages: MessageRepository, times: int
) -> None:
    question = message(turn="t1")
    messages.add_inbound(question, NAMELESS)
    answer = answer_to(question, tokens=Tokens(tokens_in=1, tokens_out=2))

    for _ in range(times):
        messages.add_answer(answer, turn_id="t1", status=MessageStatus.ANSWERED)

    ended = replace(question, status=MessageStatus.ANSWERED)
    assert messages.latest("c1", 9) == [ended, answer]
    assert messages.find_answer(question.id) == answer
    assert messages.find_answer("none") is None


Half = Callable[[MessageRepository, Message, Message], None]


def _only_the_answer(
    messages: MessageRepository, question: Message, answer: Message
) -> None:
    messages.add_answer(answer, turn_id="another", status=MessageStatus.ANSWERED)
    found = messages.get(question.id)
    assert found
    assert found.status is MessageStatus.PENDING


def _only_the_end(
    messages: MessageRepository, question: Message, answer: Message
) -> None:
    messages.end_turn(question.id, "t1", MessageStatus.FAILED, failure="interrupted")


@pytest.mark.parametrize("half", [_only_the_answer, _only_the_end])
def test_a_half_written_answer_is_completed(
    messages: MessageRepository, half: Half
) -> None:
    question = message(turn="t1")
    messages.add_inbound(question, NAMELESS)
    answer = answer_to(question)
    half(messages, question, answer)

    messages.add_answer(answer, turn_id="t1", status=MessageStatus.ANSWERED)

    ended = replace(question, status=MessageStatus.ANSWERED)
    assert messages.latest("c1", 9) == [ended, answer]


def test_an_answer_of_a_former_turn_leaves_the_question_alone(
    messages: MessageRepository,
) -> None:
    question = message(turn="t2")
    messages.add_inbound(question, NAMELESS)

    messages.add_answer(
        answer_to(question), turn_id="t1", status=MessageStatus.ANSWERED
    )

    assert messages.get(question.id) == question


def test_of_many_answers_at_once_one_is_written(messages: MessageRepository) -> None:
    question = message(turn="t1")
    messages.add_inbound(question, NAMELESS)
    answer = answer_to(question)

    at_once(
        lambda _: messages.add_answer(
            answer, turn_id="t1", status=MessageStatus.ANSWERED
        )
    )

    assert len(messages.latest("c1", 99)) == 2


def test_a_part_of_an_answer_is_not_the_answer(messages: MessageRepository) -> None:
    question = message(turn="t1")
    messages.add_inbound(question, NAMELESS)
    messages.add(answer_to(question, status=MessageStatus.INCOMPLETE))

    assert messages.find_answer(question.id) is None

    whole = answer_to(question, seq=3)
    messages.add_answer(whole, turn_id="t1", status=MessageStatus.ANSWERED)
    assert messages.find_answer(question.id) == whole


# Reading the timeline


def test_the_latest_messages_come_oldest_first(messages: MessageRepository) -> None:
    made = [message(seq=seq) for seq in (5, 1, 9, 3)]
    for one in (*made, message(chat_id="c2", seq=10)):
        messages.add(one)

    def seqs(limit: int) -> list[int]:
        return [one.seq for one in messages.latest("c1", limit)]

    assert seqs(2) == [5, 9]
    assert seqs(99) == [1, 3, 5, 9]
    assert messages.latest("none", 5) == []


@pytest.mark.parametrize(
    ("after", "before", "limit", "expected"),
    [
        (None, None, 99, [1, 3, 5, 7, 9]),
        (None, None, 2, [1, 3]),
        (3, None, 2, [5, 7]),
        (9, None, 2, []),
        (0, None, 2, [1, 3]),
        (None, 7, 2, [3, 5]),
        (None, 1, 2, []),
        (None, 99, 2, [7, 9]),
        (1, 9, 2, [3, 5]),
        (4, 4, 9, []),
    ],
)
def test_the_timeline_is_read_in_parts(
    stored_messages: MessageRepository,
    after: int | None,
    before: int | None,
    limit: int,
    expected: list[int],
) -> None:
    for seq in (5, 1, 9, 3, 7):
        stored_messages.add(message(seq=seq))
    stored_messages.add(message(chat_id="c2", seq=4))

    found = stored_messages.list_between("c1", after=after, before=before, limit=limit)

    assert [one.seq for one in found] == expected
    assert stored_messages.count("c1") == 5
    assert stored_messages.count("none") == 0


def test_messages_go_with_their_own_assistant(messages: MessageRepository) -> None:
    mine, other = message(), message(chat_id="c2", assistant_id="a2")
    messages.add_inbound(mine, inbound("k1", "w1"))
    messages.add_inbound(other, inbound("k2", "w2"))

    messages.remove_for_assistant("a1")

    assert messages.get(mine.id) is None
    assert messages.find_inbound(inbound("k1", "w1")) == []
    assert messages.find_inbound(inbound("k2")) == [(other, "f")]


def test_messages_are_found_by_their_ids_in_their_chat_only(
    messages: MessageRepository,
) -> None:
    mine, other = message(), message(chat_id="another")
    messages.add(mine)
    messages.add(other)

    assert messages.find_by_ids(mine.chat_id, {mine.id, other.id, "none"}) == [mine]
    assert messages.find_by_ids(mine.chat_id, []) == []
