"""The store fails, or the process dies, at every single call of a turn.

Whatever happens: what was acknowledged is there, each message comes to exactly one
end, nobody gets two different answers, and the chat goes on.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from app.errors import AppError, ProviderInterrupted, StorageFull, StoreUnavailable
from app.models.chat import ChatStatus
from app.models.message import Author, Message, MessageStatus
from app.models.turn import Post, TurnResult
from app.services import turn_queue
from tests.support.conversation import Clock, ScriptedProvider, ServerProcess, Store
from tests.support.conversation import post as posted
from tests.support.faults import MODES, Crash, Mode, Plan

FIRST, SECOND = posted("One", message_id="m1"), posted("Two", message_id="m2")
MOST_CALLS = 60
ENDED = {
    MessageStatus.ANSWERED,
    MessageStatus.HUMAN,
    MessageStatus.INACTIVE,
    MessageStatus.SUPPRESSED,
    MessageStatus.FAILED,
}
SETTLED = {MessageStatus.SENT, MessageStatus.SUPPRESSED}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_queue, "LOOK_AGAIN", 0.0001)


@dataclass
class World:
    """A store, one model behind all processes, and what callers were told."""

    store: Store = field(default_factory=Store)
    clock: Clock = field(default_factory=Clock)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    acknowledged: set[str] = field(default_factory=set)
    told: list[TurnResult] = field(default_factory=list)

    def process(self, plan: Plan | None = None) -> ServerProcess:
        return ServerProcess(
            self.store,
            plan=plan,
            clock=self.clock,
            provider=self.provider,
            longest_wait=0.002,
        )

    def send(self, process: ServerProcess, *posts: Post) -> None:
        """Take the messages in at once, then run their turns."""
        turns = []
        for sent in posts:
            try:
                taken = process.accept(sent)
            except AppError:
                continue
            if isinstance(taken, TurnResult):
                self.told.append(taken)
                self.acknowledged.add(taken.message_id)
            else:
                turns.append(taken)
                self.acknowledged.add(taken.message.id)
        for turn in turns:
            with contextlib.suppress(AppError):
                self.told.append(process.answer(turn))
            process.run_late()

    def set_status(self, status: ChatStatus) -> None:
        for chat in self.store.chats.all():
            self.store.chats.set_status(chat.id, status)

    def check(self) -> None:
        """Nothing is lost, doubled or left open."""
        if not self.store.chats.all():
            assert not self.acknowledged
            return
        chat, timeline = self.store.chat, self.store.timeline()
        assert chat.queue == ()
        assert len({entry.seq for entry in timeline}) == len(timeline)
        assert all(entry.seq <= chat.last_seq for entry in timeline)
        questions = [m for m in timeline if m.author is Author.CONTACT]
        assert self.acknowledged <= {question.id for question in questions}
        answers = [
            entry
            for entry in timeline
            if entry.author is Author.ASSISTANT and entry.status in SETTLED
        ]
        answered = Counter(answer.in_reply_to for answer in answers)
        for question in questions:
            assert question.status in ENDED
            has_answer = question.status in {
                MessageStatus.ANSWERED,
                MessageStatus.SUPPRESSED,
            }
            assert answered[question.id] == has_answer, question.status
        self._check_told(answers)
        self._check_ledger(answers)

    def _check_told(self, answers: list[Message]) -> None:
        delivered = {(told.response_id, told.response) for told in self.told}
        on_timeline = {
            (answer.id, answer.text)
            for answer in answers
            if answer.status is MessageStatus.SENT
        }
        assert delivered - {(None, None)} <= on_timeline

    def _check_ledger(self, answers: list[Message]) -> None:
        entries = self.store.usage.entries
        assert {a.id for a in answers} == {e.id for e in entries.values() if e.turns}
        spent = sum(a.tokens.tokens_in for a in answers if a.tokens)
        assert self.store.chat.tokens.tokens_in == spent


Scenario = Callable[[World, ServerProcess], None]


def a_new_message(world: World, process: ServerProcess) -> None:
    world.send(process, FIRST)


def two_messages_at_once(world: World, process: ServerProcess) -> None:
    world.send(process, FIRST, SECOND)


def a_message_to_be_kept_only(world: World, process: ServerProcess) -> None:
    world.send(process, posted("One", message_id="m1", active=False))


def a_message_for_a_person(world: World, process: ServerProcess) -> None:
    world.send(process, SECOND)
    world.set_status(ChatStatus.HUMAN)
    world.send(process, FIRST)


def an_answer_cut_off(world: World, process: ServerProcess) -> None:
    world.provider.will_fail(ProviderInterrupted(), after=("Half an",))
    world.send(process, FIRST)


def a_failed_message_again(world: World, process: ServerProcess) -> None:
    an_answer_cut_off(world, process)
    world.send(process, FIRST)


def a_failed_message_again_for_a_person(world: World, process: ServerProcess) -> None:
    an_answer_cut_off(world, process)
    world.set_status(ChatStatus.HUMAN)
    world.send(process, FIRST)
    world.set_status(ChatStatus.BOT)


def a_takeover_during_the_answer(world: World, process: ServerProcess) -> None:
    world.provider.meanwhile = lambda: world.set_status(ChatStatus.HUMAN)
    world.send(process, FIRST)


def a_takeover_before_the_second(world: World, process: ServerProcess) -> None:
    world.provider.meanwhile = lambda: world.set_status(ChatStatus.HUMAN)
    world.send(process, FIRST, SECOND)


def the_same_message_twice_at_once(world: World, process: ServerProcess) -> None:
    other = world.process()
    process.plan.hooks["FakeMessages.find_inbound"] = lambda: world.send(other, FIRST)
    world.send(process, FIRST)


SCENARIOS: list[Scenario] = [
    a_new_message,
    two_messages_at_once,
    a_message_to_be_kept_only,
    a_message_for_a_person,
    an_answer_cut_off,
    a_failed_message_again,
    a_failed_message_again_for_a_person,
    a_takeover_during_the_answer,
    a_takeover_before_the_second,
    the_same_message_twice_at_once,
]


def _run(world: World, scenario: Scenario, plan: Plan) -> ServerProcess:
    process = world.process(plan)
    try:
        scenario(world, process)
    except Crash:
        return world.process()
    finally:
        world.provider.forget_script()
    return process


def _recovered(world: World, process: ServerProcess, plan: Plan) -> ServerProcess:
    """Clear up, in a new process if this one dies of it; run what had to wait."""
    try:
        process.bury_the_dead()
        process.run_late()
    except Crash:
        process = world.process()
    plan.disarm()
    process.bury_the_dead()
    process.run_late()
    return process


def _check_that_all_goes_on(world: World, process: ServerProcess) -> None:
    """The sender tries again and writes on: all is answered, once."""
    world.set_status(ChatStatus.BOT)
    for sent in (FIRST, SECOND, posted("Three", message_id="m3")):
        if sent is FIRST and any(m.text == "One" for m in _kept_only(world)):
            continue
        world.send(process, sent)
    world.check()
    questions = [m for m in world.store.timeline() if m.author is Author.CONTACT]
    assert sorted(question.text for question in questions) == ["One", "Three", "Two"]
    assert not any(m.status is MessageStatus.FAILED for m in questions)
    assert process.queue.is_idle()


def _kept_only(world: World) -> list[Message]:
    if not world.store.chats.all():
        return []
    timeline = world.store.timeline()
    return [m for m in timeline if m.status is MessageStatus.INACTIVE]


@pytest.mark.parametrize(
    ("mode", "error"),
    [*((mode, StoreUnavailable) for mode in MODES), ("refused", StorageFull)],
)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_a_turn_that_fails_at_any_call_is_ended_once(
    scenario: Scenario, mode: Mode, error: type[AppError]
) -> None:
    for at in range(1, MOST_CALLS):
        world, plan = World(), Plan(at, mode, error)
        process = _recovered(world, _run(world, scenario, plan), plan)
        world.check()
        _check_that_all_goes_on(world, process)
        if not plan.happened:
            return
    raise AssertionError("the turn makes more calls than were tried")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("mode", MODES)
def test_a_recovery_that_fails_at_any_call_is_finished_by_the_next(
    scenario: Scenario, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        calls = 0
        for recovery_at in range(1, MOST_CALLS):
            world = World()
            first = Plan(at, "crash after")
            _run(world, scenario, first)
            if not first.happened:
                return
            second = Plan(recovery_at, mode)
            process = _recovered(world, world.process(second), second)
            world.check()
            calls += 1
            if not second.happened:
                _check_that_all_goes_on(world, process)
                break
        assert calls < MOST_CALLS - 1
    raise AssertionError("the turn makes more calls than were tried")
