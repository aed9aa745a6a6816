"""From the instant of a takeover no automatic answer is delivered."""

from collections.abc import Callable, Iterator

import pytest

from app.errors import ProviderInterrupted
from app.models.chat import ChatStatus
from app.models.message import Author, MessageStatus
from app.models.turn import TurnResult
from app.services import turns
from app.services.llm.port import Delta
from app.services.turns import Listener
from tests.support.conversation import ScriptedProvider
from tests.support.races import at_once
from tests.support.staffed import ANA, StaffedProcess, StaffedStore

LIVE = Listener(live=True)
GONE = Listener(live=True, gone=lambda: True)
PIECES = ("We", " open", " at", " nine.")
WHOLE = "".join(PIECES)


@pytest.fixture
def store() -> StaffedStore:
    return StaffedStore(contact_keywords=("person",))


@pytest.fixture
def server(store: StaffedStore) -> StaffedProcess:
    server = StaffedProcess(store)
    server.provider.will_answer(*PIECES)
    return server


Act = Callable[[StaffedProcess, StaffedStore], object]
ACTS: dict[str, Act] = {
    "takeover": lambda server, _: server.take_over(),
    "write": lambda server, _: server.write(),
    "assign": lambda server, store: server.attendance.assign(
        ANA, store.chat.id, user_id="bia"
    ),
    "close": lambda server, store: server.attendance.close(
        ANA, store.chat.id, reason=None
    ),
    "deactivate": lambda server, store: server.attendance.deactivate(
        ANA, store.chat.id
    ),
}


def heard(events: Iterator[Delta | TurnResult]) -> tuple[str, TurnResult]:
    """Return what a live listener still hears, and the turn's end."""
    *deltas, result = events
    assert isinstance(result, TurnResult)
    return "".join(d.text for d in deltas if isinstance(d, Delta)), result


@pytest.mark.parametrize("act", ACTS)
def test_a_live_listener_hears_nothing_more_after_it(
    server: StaffedProcess, store: StaffedStore, act: str
) -> None:
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    assert next(events) == Delta(text="We")

    ACTS[act](server, store)

    rest, result = heard(events)
    assert rest == ""
    assert (result.status, result.response) == (MessageStatus.SUPPRESSED, None)
    question, answer = (m for m in store.timeline() if m.turn or m.model)
    assert question.status is answer.status is MessageStatus.SUPPRESSED
    assert answer.text == WHOLE
    assert answer.deliver_to is None
    assert store.chat.response is None


def test_a_live_listener_hears_of_one_elsewhere_at_the_next_look(
    server: StaffedProcess, store: StaffedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LOOK_AGAIN", 0)
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    assert next(events) == Delta(text="We")

    StaffedProcess(store).take_over()

    rest, result = heard(events)
    assert (rest, result.status) == ("", MessageStatus.SUPPRESSED)


def test_looking_costs_a_store_call_now_and_then_only(
    server: StaffedProcess, store: StaffedStore
) -> None:
    turn = server.queue_up("When?")
    before = len(server.plan.calls)

    text, _ = heard(server.turns.answer(turn, LIVE))

    assert text == WHOLE
    assert "FakeChats.get" not in server.plan.calls[before:]


def test_a_note_lets_the_answer_through(
    server: StaffedProcess, store: StaffedStore
) -> None:
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    next(events)

    server.write("Watch this", note=True)

    rest, result = heard(events)
    assert (rest, result.status) == (" open at nine.", MessageStatus.ANSWERED)


def test_an_answer_of_before_a_takeover_is_not_delivered_after_the_release(
    server: StaffedProcess, store: StaffedStore
) -> None:
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    next(events)
    server.take_over()
    server.release()

    _, result = heard(events)

    assert (result.status, result.response) == (MessageStatus.SUPPRESSED, None)


def test_what_is_left_of_an_answer_that_broke_off_after_it_stays_out_of_later_prompts(
    store: StaffedStore,
) -> None:
    server = StaffedProcess(store)
    server.provider.will_fail(ProviderInterrupted(), after=["Nine ", "to"])
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    next(events)
    server.take_over()
    server.release()

    with pytest.raises(ProviderInterrupted):
        heard(events)

    [part] = (m for m in store.timeline() if m.author is Author.ASSISTANT)
    assert (part.text, part.status) == ("Nine to", MessageStatus.SUPPRESSED)


def test_an_assistant_with_the_chat_back_answers_what_comes_then(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.hear("When?")
    server.take_over()
    server.release()

    assert server.hear("And now?", 2).status is MessageStatus.ANSWERED


def test_a_contact_who_asks_for_a_person_hears_nothing_more(
    server: StaffedProcess, store: StaffedStore
) -> None:
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    next(events)

    asked = server.hear("A person, please", 2)

    rest, result = heard(events)
    assert asked.status is MessageStatus.HUMAN
    assert (rest, result.status) == ("", MessageStatus.SUPPRESSED)
    assert store.chat.queue == ()


def test_messages_that_were_waiting_are_the_persons(
    server: StaffedProcess, store: StaffedStore
) -> None:
    events = server.turns.answer(server.queue_up("When?"), LIVE)
    next(events)
    waiting = [server.queue_up("And where?", n) for n in (2, 3)]
    server.take_over()
    heard(events)

    results = [server.answer(turn, LIVE) for turn in waiting]

    assert {r.status for r in results} == {MessageStatus.HUMAN}
    assert len(server.provider.requests) == 1
    assert store.chat.queue == ()
    assert server.queue.is_idle()


def test_an_answer_that_was_decided_first_stands_before_the_takeover(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.plan.hooks["FakeChats.settle"] = server.take_over

    result = server.hear("When?")

    assert (result.status, result.response) == (MessageStatus.ANSWERED, WHOLE)
    question, answer, takeover = store.timeline()
    assert (question.seq, answer.seq, takeover.seq) == (1, 2, 3)
    assert store.chat.status is ChatStatus.HUMAN


# Who does not hear it


def test_an_answer_whose_listener_has_gone_is_for_the_outbox(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.answer(server.queue_up("When?"), GONE)

    assert server.outgoing() == [WHOLE]


def test_a_listener_who_leaves_before_the_end_has_gone(
    server: StaffedProcess, store: StaffedStore
) -> None:
    present = [True]
    listener = Listener(live=True, gone=lambda: not present[0])
    events = server.turns.answer(server.queue_up("When?"), listener)
    next(events)

    present[0] = False
    heard(events)

    assert server.outgoing() == [WHOLE]


def test_a_suppressed_answer_is_for_nobody(
    server: StaffedProcess, store: StaffedStore
) -> None:
    events = server.turns.answer(server.queue_up("When?"), GONE)
    next(events)
    server.take_over()
    heard(events)

    assert server.outgoing() == []


def test_a_takeover_between_the_last_look_and_the_write_keeps_it_from_the_outbox(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """The first write fails on a note; the takeover comes just then."""

    def note() -> None:
        server.plan.hooks["FakeChats.get"] = StaffedProcess(store).take_over
        StaffedProcess(store).write("Hm", note=True)

    server.provider.meanwhile = note

    result = server.answer(server.queue_up("When?"), GONE)

    assert result.status is MessageStatus.SUPPRESSED
    assert server.outgoing() == []


# Races


def test_no_answer_stands_behind_a_takeover(store: StaffedStore) -> None:
    for _ in range(50):
        store = StaffedStore()
        provider = ScriptedProvider()
        process, other = (StaffedProcess(store, provider=provider) for _ in range(2))
        turn = process.queue_up("When?")

        def act(number: int) -> str:
            if number:
                other.take_over()  # noqa: B023
                return ""
            return process.answer(turn).status  # noqa: B023

        status, _ = at_once(act, threads=2)

        [takeover] = [m for m in store.timeline() if m.author is Author.SYSTEM]
        answers = [m for m in store.timeline() if m.author is Author.ASSISTANT]
        sent = [m for m in answers if m.status is MessageStatus.SENT]
        assert all(answer.seq < takeover.seq for answer in sent)
        assert bool(sent) == (status == MessageStatus.ANSWERED)
        assert store.chat.queue == ()
        assert store.chat.unwritten == ()
