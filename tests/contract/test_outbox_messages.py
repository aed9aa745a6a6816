"""Messages that a key has to deliver, and how they come onto the timeline."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.models.message import Author, Message, MessageStatus
from app.repositories.messages import MessageRepository
from tests.support.made import NOW, later, message
from tests.support.races import at_once

EVER = NOW - timedelta(days=8)


def entry(**fields: Any) -> Message:
    usual: dict[str, Any] = {
        "author": Author.ATTENDANT,
        "status": MessageStatus.SENT,
        "metadata": {"user_id": "u1", "name": "Ana"},
        "deliver_to": "k1",
    }
    return message(**(usual | fields))


def waiting(messages: MessageRepository, key: str = "k1", limit: int = 99) -> list[str]:
    found = messages.waiting_for(key, since=EVER, limit=limit)
    return [message.text for message in found]


# Onto the timeline


def test_an_entry_is_on_the_timeline_however_often_it_is_written(
    messages: MessageRepository,
) -> None:
    made = entry()

    at_once(lambda _: messages.add_entry(made), threads=8)

    assert messages.latest("c1", 9) == [made]
    assert messages.waiting_for("k1", since=EVER, limit=9) == [made]


def test_an_entry_that_is_written_once_more_does_not_come_to_the_outbox_again(
    messages: MessageRepository,
) -> None:
    made = entry()
    messages.add_entry(made)
    messages.delivered([made.id])

    messages.add_entry(made)

    assert messages.get(made.id) == replace(made, deliver_to=None)
    assert waiting(messages) == []


def test_a_pending_message_waits_for_another_turn(messages: MessageRepository) -> None:
    made = message(turn="t1")
    messages.add(made)

    assert not messages.resume(made.id, turn_id="t3", resumed_from="t2")
    assert not messages.resume("none", turn_id="t2", resumed_from="t1")
    assert messages.get(made.id) == made

    for _ in range(2):
        assert messages.resume(made.id, turn_id="t2", resumed_from="t1")
        assert messages.get(made.id) == replace(made, turn="t2")


@pytest.mark.parametrize(
    "status", [s for s in MessageStatus if s is not MessageStatus.PENDING]
)
def test_what_has_ended_is_not_resumed(
    messages: MessageRepository, status: MessageStatus
) -> None:
    made = message(turn="t1", status=status)
    messages.add(made)

    assert not messages.resume(made.id, turn_id="t2", resumed_from="t1")
    assert messages.get(made.id) == made


def test_of_many_that_resume_a_message_one_has_it(messages: MessageRepository) -> None:
    made = message(turn="t1")
    messages.add(made)

    resumed = at_once(
        lambda n: messages.resume(made.id, turn_id=f"new {n}", resumed_from="t1")
    )

    assert resumed.count(True) == 1
    assert messages.get(made.id) == replace(made, turn=f"new {resumed.index(True)}")


# The outbox


def test_what_waits_comes_oldest_first_and_by_its_place_within_an_instant(
    messages: MessageRepository,
) -> None:
    for text, seconds, seq in [
        ("fourth", 10.001, 1),
        ("second", 10, 3),
        ("third", 10, 20),
        ("first", 9.999, 100),
    ]:
        messages.add_entry(entry(text=text, created_at=later(seconds), seq=seq))

    assert waiting(messages) == ["first", "second", "third", "fourth"]
    assert waiting(messages, limit=2) == ["first", "second"]


def test_times_of_any_length_keep_their_order(messages: MessageRepository) -> None:
    dates = [NOW.replace(year=year) for year in (1971, 2001, 2002, 2026, 2285)]
    for seq, date in enumerate(reversed(dates), 1):
        messages.add_entry(entry(text=str(date.year), created_at=date, seq=seq))

    found = messages.waiting_for("k1", since=dates[0], limit=99)

    assert [one.created_at for one in found] == dates


def test_a_key_sees_what_is_its_own_alone(messages: MessageRepository) -> None:
    for seq, key in enumerate(["k1", "k10", "k", "K1", "k2", None], 1):
        messages.add_entry(entry(text=f"for {key}", deliver_to=key, seq=seq))

    assert waiting(messages, "k1") == ["for k1"]
    assert waiting(messages, "k") == ["for k"]
    assert waiting(messages, "k3") == []


def test_what_is_older_than_asked_for_is_left_out(messages: MessageRepository) -> None:
    for seq, seconds in enumerate((-0.001, 0, 0.001), 1):
        messages.add_entry(entry(text=str(seq), created_at=later(seconds), seq=seq))

    found = messages.waiting_for("k1", since=NOW, limit=99)

    assert [one.text for one in found] == ["2", "3"]


def test_what_was_delivered_stays_on_the_timeline_only(
    messages: MessageRepository,
) -> None:
    made = [entry(text=str(seq), seq=seq) for seq in (1, 2, 3)]
    for one in made:
        messages.add_entry(one)

    messages.delivered([made[0].id, made[2].id, "none"])
    messages.delivered([])

    assert waiting(messages) == ["2"]
    assert messages.get(made[0].id) == replace(made[0], deliver_to=None)
    assert len(messages.latest("c1", 9)) == 3


def test_an_answer_comes_to_the_outbox_of_the_key_that_is_to_deliver_it(
    messages: MessageRepository,
) -> None:
    question = message(turn="t1")
    messages.add(question)
    answer = entry(author=Author.ASSISTANT, text="Late", seq=2, in_reply_to=question.id)

    for _ in range(2):
        messages.add_answer(answer, turn_id="t1", status=MessageStatus.ANSWERED)

    assert messages.waiting_for("k1", since=EVER, limit=9) == [answer]
    assert messages.find_answer(question.id) == answer


def test_what_was_written_for_no_outbox_is_put_into_one_in_its_place(
    messages: MessageRepository,
) -> None:
    first = entry(text="first", deliver_to=None, seq=1)
    messages.add_entry(first)
    messages.add_entry(entry(text="second", seq=2, created_at=later(1)))

    for message_id in (first.id, "nobody's"):
        messages.put_in_outbox(
            message_id, "k1", created_at=first.created_at, seq=first.seq
        )

    assert waiting(messages) == ["first", "second"]
    assert messages.get(first.id) == replace(first, deliver_to="k1")


def test_the_keys_that_have_something_to_deliver_are_listed(
    messages: MessageRepository,
) -> None:
    assert messages.outbox_keys() == []
    keys = [("k1", "a1"), ("k1", "a1"), ("k10", "a1"), ("k2", "a2"), (None, "a3")]
    made = [
        entry(deliver_to=key, assistant_id=assistant, seq=seq)
        for seq, (key, assistant) in enumerate(keys, 1)
    ]
    for one in made:
        messages.add_entry(one)

    assert sorted(messages.outbox_keys()) == [("k1", "a1"), ("k10", "a1"), ("k2", "a2")]
    messages.delivered([made[0].id, made[2].id])
    assert sorted(messages.outbox_keys()) == [("k1", "a1"), ("k2", "a2")]


def test_another_key_delivers_what_one_still_had_to_in_the_same_order(
    messages: MessageRepository,
) -> None:
    keys = ["k1", "main", "k1", "k10"]
    for seq, key in enumerate(keys, 1):
        messages.add_entry(
            entry(text=str(seq), deliver_to=key, seq=seq, created_at=later(seq))
        )

    for _ in range(2):
        messages.reassign_outbox("k1", "main")

    assert waiting(messages, "k1") == []
    assert waiting(messages, "main") == ["1", "2", "3"]
    assert waiting(messages, "k10") == ["4"]
