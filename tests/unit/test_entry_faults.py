"""The store fails, or the process dies, at every call of what people do.

Whatever happens: what was acknowledged is on the timeline once, nothing is left
lying in the chat, the timeline tells the chat's state, and the bot gets every word
of an attendant once and in order.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from app.errors import AppError
from app.models.chat import ChatStatus
from app.models.message import Author, Message, MessageStatus
from app.models.turn import TurnResult
from app.services import turn_queue
from tests.support.conversation import Clock, ScriptedProvider
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.staffed import ANA, StaffedProcess, StaffedStore

MOST_CALLS = 60
MINUTES = 10
STATUSES = {
    "takeover": ChatStatus.HUMAN,
    "release": ChatStatus.BOT,
    "close": ChatStatus.CLOSED,
    "reopened": ChatStatus.BOT,
    "asked_for_person": ChatStatus.HUMAN,
    "asked_for_bot": ChatStatus.BOT,
    "returned": ChatStatus.BOT,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_queue, "LOOK_AGAIN", 0.0001)


@dataclass
class World:
    """A store with a chat, and what people were told of what they did."""

    store: StaffedStore = field(
        default_factory=lambda: StaffedStore(
            contact_keywords=("person",),
            release_keywords=("bot",),
            return_after_minutes=MINUTES,
        )
    )
    clock: Clock = field(default_factory=Clock)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    acknowledged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.process().hear("Hi")

    def process(self, plan: Plan | None = None) -> StaffedProcess:
        return StaffedProcess(
            self.store,
            plan=plan,
            clock=self.clock,
            provider=self.provider,
            longest_wait=0.002,
        )

    def attempt(self, act: Callable[[], object]) -> None:
        """Do it as a caller who keeps what they were told."""
        with contextlib.suppress(AppError):
            told = act()
            if isinstance(told, Message):
                self.acknowledged.add(told.id)
            if isinstance(told, TurnResult):
                self.acknowledged.add(told.message_id)

    def check(self, process: StaffedProcess) -> None:
        chat, timeline = self.store.chat, self.store.timeline()
        assert chat.queue == ()
        assert chat.unwritten == ()
        assert len({entry.seq for entry in timeline}) == len(timeline)
        assert all(entry.seq <= chat.last_seq for entry in timeline)
        assert self.acknowledged <= {entry.id for entry in timeline}
        assert (chat.status, chat.assigned_to) == told_by(timeline)
        texts = Counter(m.text for m in timeline if m.text)
        assert set(texts.values()) == {1}
        assert not any(m.status is MessageStatus.PENDING for m in timeline)
        written = [m for m in timeline if m.deliver_to]
        assert process.outgoing() == [m.text for m in written]
        assert {m.text for m in timeline if m.author is Author.ATTENDANT} <= {
            m.text for m in written
        }


def told_by(timeline: list[Message]) -> tuple[ChatStatus, str | None]:
    """Return the state that somebody reads from the timeline."""
    status, assigned = ChatStatus.BOT, None
    for entry in timeline:
        who = entry.metadata.get("user_id")
        if entry.author is Author.ATTENDANT:
            status, assigned = ChatStatus.HUMAN, assigned or who
        elif entry.author is Author.SYSTEM:
            status = STATUSES[entry.metadata["event"]]
            assigned = who if status is ChatStatus.HUMAN else None
    return status, assigned


Scenario = Callable[[World, StaffedProcess], None]


def an_attendant_writes(world: World, process: StaffedProcess) -> None:
    world.attempt(lambda: process.write("One"))
    world.attempt(lambda: process.write("Two"))


def an_attendant_takes_over_and_releases(world: World, process: StaffedProcess) -> None:
    world.attempt(process.take_over)
    world.attempt(process.release)


def a_takeover_during_the_answer(world: World, process: StaffedProcess) -> None:
    world.provider.meanwhile = lambda: world.attempt(process.take_over)
    world.attempt(lambda: process.hear("When?", 2))


def an_attendant_writes_during_the_answer(
    world: World, process: StaffedProcess
) -> None:
    world.provider.meanwhile = lambda: world.attempt(lambda: process.write("One"))
    world.attempt(lambda: process.hear("When?", 2))


def the_contact_asks_for_a_person(world: World, process: StaffedProcess) -> None:
    world.attempt(lambda: process.hear("person", 2))


def the_contact_goes_back_to_the_bot(world: World, process: StaffedProcess) -> None:
    world.attempt(lambda: process.hear("person", 2))
    world.attempt(lambda: process.hear("bot", 3))


def the_contact_opens_a_closed_chat(world: World, process: StaffedProcess) -> None:
    chat_id = world.store.chat.id
    world.attempt(lambda: process.attendance.close(ANA, chat_id, reason=None))
    world.attempt(lambda: process.hear("person", 2))


def the_time_is_over(world: World, process: StaffedProcess) -> None:
    world.attempt(lambda: process.write("One"))
    for _ in range(2):
        world.attempt(process.return_timer.look)
        world.clock.seconds += MINUTES * 60
    world.clock.seconds -= 2 * MINUTES * 60


SCENARIOS: list[Scenario] = [
    an_attendant_writes,
    an_attendant_takes_over_and_releases,
    a_takeover_during_the_answer,
    an_attendant_writes_during_the_answer,
    the_contact_asks_for_a_person,
    the_contact_goes_back_to_the_bot,
    the_contact_opens_a_closed_chat,
    the_time_is_over,
]
LONG: list[Scenario] = [
    an_attendant_writes_during_the_answer,
    the_contact_opens_a_closed_chat,
]


def _run(world: World, scenario: Scenario, plan: Plan) -> StaffedProcess:
    process = world.process(plan)
    try:
        scenario(world, process)
    except Crash:
        return world.process()
    finally:
        world.provider.forget_script()
    return process


def _recovered(world: World, process: StaffedProcess, plan: Plan) -> StaffedProcess:
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


def _check_that_all_goes_on(world: World, process: StaffedProcess) -> None:
    """Everybody does what they do next; it is all there."""
    process.write("Ana again.", who="ana")
    process.hear("Thanks", 8)
    if world.store.chat.status is ChatStatus.HUMAN:
        process.release()
    assert process.hear("Bye", 9).status is MessageStatus.ANSWERED
    world.check(process)
    assert process.queue.is_idle()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_what_fails_at_any_call_is_done_once_or_not_at_all(
    scenario: Scenario, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        world, plan = World(), Plan(at, mode)
        process = _recovered(world, _run(world, scenario, plan), plan)
        world.check(process)
        _check_that_all_goes_on(world, process)
        if not plan.happened:
            return
    raise AssertionError("it makes more calls than were tried")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", LONG, ids=lambda s: s.__name__)
def test_a_recovery_that_fails_at_any_call_is_finished_by_the_next(
    scenario: Scenario, mode: Mode
) -> None:
    for at in range(1, MOST_CALLS):
        for recovery_at in range(1, MOST_CALLS):
            world = World()
            first = Plan(at, "crash after")
            _run(world, scenario, first)
            if not first.happened:
                return
            second = Plan(recovery_at, mode)
            process = _recovered(world, world.process(second), second)
            world.check(process)
            if not second.happened:
                break
    raise AssertionError("it makes more calls than were tried")
