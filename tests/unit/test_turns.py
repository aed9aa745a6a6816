"""A turn ends in exactly one way, and its answer goes to one place."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.errors import (
    ChatNotFound,
    ProviderInterrupted,
    ProviderTimeout,
    ProviderUnavailable,
    StoreUnavailable,
    TurnInProgress,
)
from app.models.assistant import History
from app.models.chat import Channel, ChatStatus
from app.models.message import Author, MessageStatus, Tokens
from app.models.turn import TurnResult
from app.services.llm.port import Delta
from app.services.turn_queue import Turn
from app.services.turns import Listener
from tests.support.conversation import ServerProcess, Store, post
from tests.support.faults import Plan
from tests.support.made import CHANNEL, assistant
from tests.support.races import at_once

LIVE = Listener(live=True)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def server(store: Store) -> ServerProcess:
    return ServerProcess(store)


def taken(server: ServerProcess, text: str, number: int = 1) -> Turn:
    turn = server.accept(post(text, message_id=f"m{number}"))
    assert isinstance(turn, Turn)
    return turn


def test_a_message_gets_its_answer(server: ServerProcess, store: Store) -> None:
    server.provider.will_answer("Nine ", "to ", "five.")
    turn = taken(server, "When do you open?")

    *deltas, result = server.turns.answer(turn, LIVE)

    question, answer = store.timeline()
    assert "".join(d.text for d in deltas if isinstance(d, Delta)) == "Nine to five."
    assert len(deltas) == 3
    assert result == TurnResult(
        status=MessageStatus.ANSWERED,
        chat_id=store.chat.id,
        message_id=question.id,
        response="Nine to five.",
        response_id=answer.id,
        tokens=Tokens(tokens_in=10, tokens_out=3),
        model="gpt-test",
    )
    assert question == replace(turn.message, status=MessageStatus.ANSWERED)
    assert (answer.author, answer.status) == (Author.ASSISTANT, MessageStatus.SENT)
    assert (answer.text, answer.seq) == ("Nine to five.", 2)
    assert answer.in_reply_to == question.id
    assert store.chat.queue == ()
    assert (store.chat.message, store.chat.response) == (
        "When do you open?",
        "Nine to five.",
    )
    [entry] = store.usage.entries.values()
    assert (entry.id, entry.turns, entry.tokens_in) == (answer.id, 1, 10)
    assert entry.owner_id == store.assistant.owner_id
    assert server.queue.is_idle()


def test_an_assistants_own_model_and_settings_are_asked_for() -> None:
    own = assistant(id="a1", model="own-model", temperature=0.1, max_tokens=7)
    server = ServerProcess(Store(of=own))

    server.post(post())

    [request] = server.provider.requests
    assert (request.model, request.temperature, request.max_tokens) == (
        "own-model",
        0.1,
        7,
    )
    assert request.deadline > time.monotonic()


def test_a_provider_that_fails_leaves_the_message_failed(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ProviderTimeout())
    turn = taken(server, "Hi")

    with pytest.raises(ProviderTimeout) as caught:
        list(server.turns.answer(turn, LIVE))

    [question] = store.timeline()
    assert question.status is MessageStatus.FAILED
    assert question.failure == "provider_timeout"
    assert caught.value.details == {
        "chat_id": store.chat.id,
        "message_id": question.id,
    }
    assert store.chat.queue == ()
    assert store.usage.entries == {}
    assert server.queue.is_idle()


def test_what_had_come_of_an_answer_is_kept_as_incomplete(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ProviderInterrupted(), after=["Nine ", "to"])
    with pytest.raises(ProviderInterrupted):
        server.post(post("When?", message_id="m1"))

    question, part = store.timeline()
    assert question.status is MessageStatus.FAILED
    assert (part.text, part.status) == ("Nine to", MessageStatus.INCOMPLETE)
    assert part.in_reply_to == question.id
    [entry] = store.usage.entries.values()
    assert (entry.turns, entry.estimated) == (0, True)
    assert store.chat.response is None

    result = server.post(post("When?", message_id="m1"))
    assert result.status is MessageStatus.ANSWERED
    assert result.response == "Answer to: When?"
    *_, question_shown = server.provider.requests[-1].messages
    assert question_shown.text == "When?"


def test_an_answer_without_an_end_is_interrupted(
    server: ServerProcess, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_request: object) -> Iterator[Delta]:
        yield Delta(text="Nine")

    monkeypatch.setattr(server.provider, "complete", endless)

    with pytest.raises(ProviderInterrupted):
        server.post(post())

    assert [m.status for m in store.timeline()] == [
        MessageStatus.FAILED,
        MessageStatus.INCOMPLETE,
    ]


def test_a_bug_in_a_provider_ends_the_turn_as_failed(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_fail(ZeroDivisionError(), after=["Half"])

    with pytest.raises(ZeroDivisionError):
        server.post(post())

    assert store.timeline()[0].failure == "internal_error"
    assert store.chat.queue == ()
    assert server.queue.is_idle()


def test_a_reader_that_leaves_ends_the_turn(
    server: ServerProcess, store: Store
) -> None:
    server.provider.will_answer("Nine ", "to five")
    events = server.turns.answer(taken(server, "When?"), LIVE)
    next(events)
    events.close()  # type: ignore[attr-defined]

    assert store.timeline()[0].status is MessageStatus.FAILED
    assert store.chat.queue == ()
    assert server.queue.is_idle()


@pytest.mark.parametrize(
    "status", [ChatStatus.HUMAN, ChatStatus.INACTIVE, ChatStatus.CLOSED]
)
def test_a_takeover_during_the_answer_suppresses_it(
    server: ServerProcess, store: Store, status: ChatStatus
) -> None:
    server.provider.meanwhile = lambda: store.chats.set_status(store.chat.id, status)

    result = server.post(post())

    question, answer = store.timeline()
    assert result.status is MessageStatus.SUPPRESSED
    assert (result.response, result.response_id) == (None, None)
    assert question.status is MessageStatus.SUPPRESSED
    assert answer.status is MessageStatus.SUPPRESSED
    assert store.chat.response is None
    assert store.chat.tokens == Tokens(tokens_in=10, tokens_out=3)
    assert len(store.usage.entries) == 1
    replayed = server.post(post())
    assert (replayed.status, replayed.response) == (MessageStatus.SUPPRESSED, None)


def test_a_takeover_that_was_taken_back_in_time_delivers(
    server: ServerProcess, store: Store
) -> None:
    def there_and_back() -> None:
        for status in (ChatStatus.HUMAN, ChatStatus.BOT):
            store.chats.set_status(store.chat.id, status)

    server.provider.meanwhile = there_and_back

    assert server.post(post()).status is MessageStatus.ANSWERED


def test_a_takeover_between_the_last_look_and_the_write_suppresses(
    server: ServerProcess, store: Store
) -> None:
    """The first write fails on another message, the takeover comes just then."""

    def another_message() -> None:
        server.plan.hooks["FakeChats.get"] = lambda: store.chats.set_status(
            store.chat.id, ChatStatus.HUMAN
        )
        taken(server, "Wait", 2)

    server.provider.meanwhile = another_message

    result = server.post(post("Hi", message_id="m1"))

    assert result.status is MessageStatus.SUPPRESSED


def test_messages_that_come_meanwhile_stand_before_the_answer(
    server: ServerProcess, store: Store
) -> None:
    server.provider.meanwhile = lambda: taken(server, "And?", 2)

    server.post(post("Hi", message_id="m1"))

    assert [(m.seq, m.text) for m in store.timeline()] == [
        (1, "Hi"),
        (2, "And?"),
        (3, "Answer to: Hi"),
    ]


def test_a_chat_that_has_gone_is_not_found(server: ServerProcess, store: Store) -> None:
    def delete() -> None:
        store.chats.remove_for_assistant("a1")
        store.messages.remove_for_assistant("a1")

    server.provider.meanwhile = delete

    with pytest.raises(ChatNotFound):
        server.post(post())

    assert store.usage.entries == {}
    assert server.queue.is_idle()


def test_a_turn_that_another_process_has_resumed_delivers_nothing(
    server: ServerProcess, store: Store
) -> None:
    other = ServerProcess(store)
    server.provider.meanwhile = other.bury_the_dead  # we do not beat meanwhile

    with pytest.raises(TurnInProgress):
        server.post(post())

    [question] = store.timeline()
    assert question.status is MessageStatus.PENDING
    assert server.queue.is_idle()
    with pytest.raises(TurnInProgress):
        server.post(post())
    other.run_late()
    result = server.post(post())
    assert (result.replayed, result.status) == (True, MessageStatus.ANSWERED)
    assert store.chat.queue == ()
    assert len(store.timeline()) == 2


def test_a_message_stored_after_its_turn_was_ended_by_another_fails(
    server: ServerProcess, store: Store
) -> None:
    other = ServerProcess(store)
    server.plan.hooks["FakeChats.enqueue"] = other.bury_the_dead

    with pytest.raises(TurnInProgress):
        server.post(post())

    assert [m.status for m in store.timeline()] == [MessageStatus.FAILED]
    assert server.queue.is_idle()
    assert server.post(post()).status is MessageStatus.ANSWERED


def test_a_settled_answer_survives_a_recovery_that_read_the_chat_before(
    store: Store,
) -> None:
    """The recovery of the same process looks while the turn is being settled."""
    plan = Plan()
    server = ServerProcess(store, plan=plan)
    turn = taken(server, "Hi")

    def settle_and_fail() -> None:
        count = len(plan.calls)
        plan._at = count + 3  # latest, settle, then the timeline: refused
        with pytest.raises(StoreUnavailable):
            server.answer(turn)

    plan.hooks["FakeChats.find_by_process"] = settle_and_fail
    server.recovery.clear_up()

    assert store.chat.response == "Answer to: Hi"
    assert [m.status for m in store.timeline()] == [
        MessageStatus.ANSWERED,
        MessageStatus.SENT,
    ]


@pytest.mark.parametrize("threads", [2, 5, 8])
def test_messages_at_once_are_answered_in_order_each_knowing_the_last(
    server: ServerProcess, store: Store, threads: int
) -> None:
    server.provider.meanwhile = lambda: time.sleep(0.005)

    results = at_once(
        lambda number: server.post(post(f"Number {number}", message_id=f"m{number}")),
        threads=threads,
    )

    assert {result.status for result in results} == {MessageStatus.ANSWERED}
    assert len({result.response_id for result in results}) == threads
    timeline = store.timeline()
    asked = [m.text for m in timeline if m.author is Author.CONTACT]
    requests = server.provider.requests
    assert [request.question for request in requests] == asked
    for earlier, request in zip(asked, requests[1:], strict=False):
        assert f"Answer to: {earlier}" in [m.text for m in request.messages]
    for request in requests:
        waiting = asked[asked.index(request.question) + 1 :]
        assert not set(waiting) & {m.text for m in request.messages}
    assert store.chat.queue == ()
    assert server.queue.is_idle()


def test_twenty_at_once_are_all_answered_some_of_them_late(
    server: ServerProcess, store: Store
) -> None:
    server.queue.run_late = lambda turn: threading.Thread(
        target=server.turns.finish, args=(turn,)
    ).start()
    server.provider.meanwhile = lambda: time.sleep(0.002)

    def send(number: int) -> str:
        try:
            return server.post(post("Hi", message_id=f"m{number}")).status
        except Exception as exc:  # noqa: BLE001
            return type(exc).__name__

    told = at_once(send, threads=20)

    for _ in range(500):
        if server.queue.is_idle():
            break
        time.sleep(0.01)
    assert set(told) <= {MessageStatus.ANSWERED, "ChatBusy"}
    questions = [m for m in store.timeline() if m.author is Author.CONTACT]
    assert [m.status for m in questions] == [MessageStatus.ANSWERED] * 20
    assert len(store.timeline()) == 40


def test_chats_do_not_wait_for_each_other(server: ServerProcess) -> None:
    turn = taken(server, "Hi")

    other = server.post(post("Hi", channel=Channel(id="x", message_service="sms")))

    assert other.status is MessageStatus.ANSWERED
    assert server.answer(turn).status is MessageStatus.ANSWERED
    assert CHANNEL.id != "x"


def test_the_prompt_holds_as_much_history_as_the_assistant_wants() -> None:
    own = assistant(id="a1", history=History(messages=2))
    server = ServerProcess(Store(of=own))
    for number in range(3):
        server.post(post(f"Q{number}", message_id=f"m{number}"))

    texts = [m.text for m in server.provider.requests[-1].messages]
    assert texts == ["Q1", "Answer to: Q1", "Q2"]


def test_a_store_that_fails_is_told_to_the_caller_with_the_message(
    store: Store,
) -> None:
    plan = Plan()
    server = ServerProcess(store, plan=plan)
    turn = taken(server, "Hi")
    plan._at = len(plan.calls) + 1

    with pytest.raises(StoreUnavailable) as caught:
        server.answer(turn)

    assert caught.value.details["message_id"] == turn.message.id
    assert provider_was_not_asked(server)


def provider_was_not_asked(server: ServerProcess) -> bool:
    return server.provider.requests == []


def test_a_late_turn_that_fails_is_quiet(server: ServerProcess, store: Store) -> None:
    server.provider.will_fail(ProviderUnavailable())

    server.turns.finish(taken(server, "Hi"))

    assert store.timeline()[0].status is MessageStatus.FAILED


def test_a_late_turn_that_breaks_is_logged_with_its_traceback(
    server: ServerProcess, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    server.provider.will_fail(ZeroDivisionError("a bug"))

    server.turns.finish(taken(server, "Hi"))

    assert store.timeline()[0].status is MessageStatus.FAILED
    [told] = [record for record in caplog.records if record.exc_info]
    assert told.getMessage() == "late turn broke"
    assert vars(told)["message_id"] == store.timeline()[0].id
