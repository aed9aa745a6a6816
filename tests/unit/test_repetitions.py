"""How a sender's message is named, and what its repetition gets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import IdempotencyMismatch
from app.models.chat import Channel
from app.models.message import Author, Inbound, MessageStatus, Tokens
from app.services.repetitions import REMEMBERED, Repetitions, inbound_of
from tests.support.conversation import Clock, post
from tests.support.fakes import FakeMessages
from tests.support.made import NOW, message

WHOLE = post(
    "Hi",
    message_id="m1",
    idempotency_key="k1",
    active=True,
    username="Ana",
    metadata={"a": "1", "b": "2"},
)


def test_ids_and_bodies_are_kept_as_digests() -> None:
    inbound = inbound_of(WHOLE, key_id="key")

    for value in (
        inbound.idempotency_key,
        inbound.channel_message,
        inbound.fingerprint,
    ):
        assert value
        assert len(value) == 64
    assert inbound_of(WHOLE, key_id="key") == inbound


@pytest.mark.parametrize(
    "other",
    [
        replace(WHOLE, text="Hi!"),
        replace(WHOLE, username=None),
        replace(WHOLE, active=None),
        replace(WHOLE, message_id=None),
        replace(WHOLE, metadata={"a": "1"}),
        replace(WHOLE, metadata={"a": "2", "b": "1"}),
        replace(WHOLE, channel=Channel(id="x", message_service="sms")),
    ],
)
def test_every_part_of_a_body_counts(other: object) -> None:
    whole = inbound_of(WHOLE, key_id="key")

    assert inbound_of(other, key_id="key").fingerprint != whole.fingerprint  # type: ignore[arg-type]


def test_the_order_of_metadata_and_the_key_do_not_change_the_body() -> None:
    turned = replace(WHOLE, metadata={"b": "2", "a": "1"}, idempotency_key=None)

    one, two = inbound_of(WHOLE, key_id="one"), inbound_of(turned, key_id="two")
    assert one.fingerprint == two.fingerprint
    assert two.idempotency_key is None


def test_ids_belong_to_their_key_and_message_ids_to_their_channel_too() -> None:
    elsewhere = replace(WHOLE, channel=Channel(id="x", message_service="sms"))
    mine, strangers = inbound_of(WHOLE, key_id="a"), inbound_of(WHOLE, key_id="b")
    other = inbound_of(elsewhere, key_id="a")

    assert mine.idempotency_key != strangers.idempotency_key
    assert mine.channel_message != strangers.channel_message
    assert mine.idempotency_key == other.idempotency_key
    assert mine.channel_message != other.channel_message


def test_no_two_combinations_of_names_are_taken_for_one() -> None:
    parts = [("a", "bc", "d"), ("ab", "c", "d"), ("a", "b", "cd"), ('a"', "b", "c")]
    digests = {
        inbound_of(
            post(
                message_id=name,
                channel=Channel(id=channel_id, message_service=service),
            ),
            key_id="key",
        ).channel_message
        for service, channel_id, name in parts
    }

    assert len(digests) == len(parts)


def test_a_message_without_ids_has_none() -> None:
    inbound = inbound_of(post(message_id=None), key_id="key")

    assert (inbound.idempotency_key, inbound.channel_message) == (None, None)


IDS = Inbound(idempotency_key="k", channel_message="w", fingerprint="f")


@pytest.fixture
def messages() -> FakeMessages:
    return FakeMessages()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repetitions(messages: FakeMessages, clock: Clock) -> Repetitions:
    return Repetitions(messages=messages, now=clock.now)


def test_what_came_before_is_found_by_either_id(
    repetitions: Repetitions, messages: FakeMessages
) -> None:
    known = message()
    messages.add_inbound(known, IDS)

    assert repetitions.find(IDS) == known
    assert repetitions.find(replace(IDS, idempotency_key=None)) == known
    assert repetitions.find(replace(IDS, channel_message=None)) == known
    assert repetitions.find(_other()) is None
    with pytest.raises(IdempotencyMismatch):
        repetitions.find(replace(IDS, fingerprint="other"))


def _other() -> Inbound:
    return Inbound(idempotency_key="x", channel_message="y", fingerprint="f")


def test_ids_are_free_again_after_eight_days(
    repetitions: Repetitions, messages: FakeMessages, clock: Clock
) -> None:
    messages.add_inbound(message(), IDS)
    clock.wall = NOW + REMEMBERED
    assert repetitions.find(IDS)

    clock.wall += timedelta(milliseconds=1)
    assert repetitions.find(replace(IDS, fingerprint="other")) is None
    assert messages.add_inbound(message(seq=2), IDS)


@pytest.mark.parametrize(
    "status",
    [MessageStatus.HUMAN, MessageStatus.INACTIVE, MessageStatus.SUPPRESSED],
)
def test_what_was_not_answered_is_replayed_so(
    repetitions: Repetitions, status: MessageStatus
) -> None:
    result = repetitions.result(message(status=status))

    assert (result.status, result.response, result.replayed) == (status, None, True)


def test_an_answer_is_replayed_whole(
    repetitions: Repetitions, messages: FakeMessages
) -> None:
    question = message(status=MessageStatus.PENDING, turn="t1")
    messages.add_inbound(question, IDS)
    answer = message(
        seq=2,
        author=Author.ASSISTANT,
        status=MessageStatus.SENT,
        in_reply_to=question.id,
        tokens=Tokens(tokens_in=1, tokens_out=2),
        model="gpt-test",
    )
    messages.add_answer(answer, turn_id="t1", status=MessageStatus.ANSWERED)

    result = repetitions.result(replace(question, status=MessageStatus.ANSWERED))

    assert (result.response, result.response_id) == (answer.text, answer.id)
    assert (result.tokens, result.model) == (answer.tokens, "gpt-test")
    assert result.replayed
