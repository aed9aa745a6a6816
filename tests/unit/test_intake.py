"""A contact's message is taken in once, wherever it stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import (
    ChatNotFound,
    IdempotencyMismatch,
    ProviderTimeout,
    TurnInProgress,
    Unauthorized,
)
from app.models.chat import Channel, ChatStatus
from app.models.message import MessageStatus
from app.models.turn import TurnResult
from app.services.turn_queue import Turn
from tests.support.conversation import Clock, ServerProcess, Store, post
from tests.support.made import CHANNEL, NOW, api_key


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(store: Store, clock: Clock) -> ServerProcess:
    return ServerProcess(store, clock=clock)


def accepted(server: ServerProcess, **fields: str) -> Turn:
    taken = server.accept(post(**fields))  # type: ignore[arg-type]
    assert isinstance(taken, Turn)
    return taken


def test_a_new_message_is_stored_and_waits_for_its_turn(
    server: ServerProcess, store: Store
) -> None:
    taken = server.accept(post("Hi", username="Ana", metadata={"$set": "x"}))

    assert isinstance(taken, Turn)
    assert store.timeline() == [taken.message]
    assert taken.message.status is MessageStatus.PENDING
    assert taken.message.metadata == {"$set": "x"}
    assert store.chat.queue == (taken.queued,)
    assert store.chat.username == "Ana"
    assert server.queue.looks_after(taken.id)


def test_a_pending_message_is_in_progress(server: ServerProcess, store: Store) -> None:
    server.accept(post())

    with pytest.raises(TurnInProgress) as caught:
        server.accept(post())

    assert caught.value.retry_after == 1
    assert len(store.timeline()) == 1
    assert len(store.chat.queue) == 1


def test_a_finished_message_gets_the_same_answer_again(
    server: ServerProcess, store: Store
) -> None:
    first = server.post(post())

    assert server.post(post()) == replace(first, replayed=True)
    assert len(server.provider.requests) == 1
    assert len(store.timeline()) == 2


def test_a_failed_message_runs_again_in_its_place(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ProviderTimeout())
    with pytest.raises(ProviderTimeout):
        server.post(post())

    result = server.post(post())

    assert result.status is MessageStatus.ANSWERED
    assert not result.replayed
    assert [m.status for m in store.timeline()] == [
        MessageStatus.ANSWERED,
        MessageStatus.SENT,
    ]


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (ChatStatus.HUMAN, MessageStatus.HUMAN),
        (ChatStatus.INACTIVE, MessageStatus.INACTIVE),
    ],
)
def test_a_failed_message_whose_chat_was_silenced_is_not_answered(
    server: ServerProcess, store: Store, status: ChatStatus, ended: MessageStatus
) -> None:
    server.provider.will_fail(ProviderTimeout())
    with pytest.raises(ProviderTimeout):
        server.post(post())
    store.chats.set_status(store.chat.id, status)

    result = server.accept(post())

    assert isinstance(result, TurnResult)
    assert (result.status, result.response) == (ended, None)
    assert store.timeline()[0].status is ended
    assert store.chat.queue == ()
    assert server.queue.is_idle()


def test_a_failed_message_whose_chat_has_gone_is_not_found(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ProviderTimeout())
    with pytest.raises(ProviderTimeout):
        server.post(post())
    store.chats.remove_for_assistant("a1")

    with pytest.raises(ChatNotFound):
        server.accept(post())
    assert server.queue.is_idle()


def test_a_failed_message_that_somebody_else_runs_is_in_progress(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ProviderTimeout())
    with pytest.raises(ProviderTimeout):
        server.post(post())
    other = ServerProcess(store)
    server.plan.hooks["FakeChats.requeue"] = lambda: other.accept(post())

    with pytest.raises(TurnInProgress):
        server.accept(post())

    assert [turn.process for turn in store.chat.queue] == [other.name]
    assert server.queue.is_idle()


def test_after_eight_days_it_is_a_new_message(
    server: ServerProcess, store: Store, clock: Clock
) -> None:
    first = server.post(post())
    clock.wall = NOW + timedelta(days=8)
    assert server.post(post()).replayed

    clock.wall += timedelta(milliseconds=1)
    second = server.post(post("Another body"))

    assert not second.replayed
    assert second.message_id != first.message_id
    assert server.post(post("Another body")).response_id == second.response_id


@pytest.mark.parametrize(
    "other",
    [
        post("Another text"),
        post(username="Ana"),
        post(active=True),
        post(metadata={"a": "b"}),
    ],
)
def test_another_body_under_the_same_id_is_refused(
    server: ServerProcess, store: Store, other: object
) -> None:
    server.post(post())

    with pytest.raises(IdempotencyMismatch):
        server.accept(other)  # type: ignore[arg-type]
    assert len(store.timeline()) == 2


def test_another_message_under_the_same_key_is_refused(server: ServerProcess) -> None:
    server.post(post("One", message_id="m1", idempotency_key="k"))

    for other in (
        post("One", message_id="m2", idempotency_key="k"),
        post("One", message_id=None, idempotency_key="k"),
        post(
            "One",
            message_id="m1",
            idempotency_key="k",
            channel=Channel(id="x", message_service="sms"),
        ),
    ):
        with pytest.raises(IdempotencyMismatch):
            server.accept(other)


@pytest.mark.parametrize(
    "channel",
    [
        Channel(id="another contact", message_service=CHANNEL.message_service),
        Channel(id=CHANNEL.id, message_service="telegram"),
    ],
)
def test_the_same_message_id_of_another_contact_is_another_message(
    server: ServerProcess, channel: Channel
) -> None:
    first = server.post(post("Hi"))
    second = server.post(post("Something else", channel=channel))

    assert not second.replayed
    assert second.chat_id != first.chat_id


def test_the_same_message_id_under_another_key_is_another_message(
    server: ServerProcess, store: Store
) -> None:
    first = server.post(post())
    other = server.intake.accept(api_key(assistant_id="a1"), post())

    assert isinstance(other, Turn)
    assert other.message.id != first.message_id


def test_messages_without_ids_are_never_repetitions(
    server: ServerProcess, store: Store
) -> None:
    for _ in range(3):
        assert not server.post(post(message_id=None)).replayed
    assert len(store.timeline()) == 6


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (ChatStatus.HUMAN, MessageStatus.HUMAN),
        (ChatStatus.INACTIVE, MessageStatus.INACTIVE),
    ],
)
def test_in_a_silenced_chat_it_is_stored_and_not_answered(
    server: ServerProcess, store: Store, status: ChatStatus, ended: MessageStatus
) -> None:
    server.post(post())
    store.chats.set_status(store.chat.id, status)

    result = server.accept(post("More", message_id="m2", active=True))

    assert isinstance(result, TurnResult)
    assert (result.status, result.response_id) == (ended, None)
    assert store.timeline()[-1].status is ended
    assert store.chat.status is status
    assert store.chat.queue == ()
    assert server.post(post("More", message_id="m2", active=True)) == replace(
        result, replayed=True
    )


def test_active_false_stores_only_and_starts_a_chat_inactive(
    server: ServerProcess, store: Store
) -> None:
    result = server.post(post(active=False))

    assert result.status is MessageStatus.INACTIVE
    assert store.chat.status is ChatStatus.INACTIVE
    assert store.timeline()[0].status is MessageStatus.INACTIVE
    assert server.queue.is_idle()
    assert store.chat.queue == ()


def test_active_false_leaves_a_chat_that_answers_as_it_is(
    server: ServerProcess, store: Store
) -> None:
    server.post(post("Hi"))

    result = server.post(post("For your files", message_id="m2", active=False))

    assert result.status is MessageStatus.INACTIVE
    assert store.chat.status is ChatStatus.BOT


def test_a_key_of_a_deleted_assistant_opens_nothing(
    server: ServerProcess, store: Store
) -> None:
    store.assistants.mark_deleted("a1", now=NOW)

    with pytest.raises(Unauthorized):
        server.accept(post())
    assert store.chats.all() == []


def test_the_second_of_two_at_once_is_told_what_became_of_the_first(
    server: ServerProcess, store: Store
) -> None:
    other = ServerProcess(store)
    server.plan.hooks["FakeMessages.find_inbound"] = lambda: other.post(post())

    result = server.accept(post())

    assert isinstance(result, TurnResult)
    assert result.replayed
    assert len(store.timeline()) == 2
    assert (store.chat.queue, store.chat.unread) == ((), 0)
    assert server.queue.is_idle()
