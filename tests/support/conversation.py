"""The turn on fakes: a shared store, server processes on it, a scripted model."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from app.errors import AppError
from app.models.assistant import Assistant
from app.models.chat import Channel, Chat
from app.models.document import Passage
from app.models.ids import new_id
from app.models.message import Message
from app.models.turn import Post, TurnResult
from app.services.entries import Entries
from app.services.handover import Handover
from app.services.intake import Intake
from app.services.llm.port import Completion, CompletionRequest, Delta
from app.services.presence import SILENCE, Presence
from app.services.recovery import Recovery
from app.services.repetitions import Repetitions
from app.services.responding import Responder
from app.services.settling import Settling
from app.services.timeline import Timeline
from app.services.turn_queue import Turn, TurnQueue
from app.services.turns import Listener, TurnService
from tests.support.fake_console import FakeAssistants
from tests.support.fakes import (
    FakeChats,
    FakeEvents,
    FakeMessages,
    FakeProcesses,
    FakeUsage,
)
from tests.support.faults import Plan, faulty
from tests.support.made import CHANNEL, NOW, api_key, assistant

PATIENT = Listener()
"""Waits for the whole answer, and does not leave before."""


def one_by_one() -> contextlib.AbstractContextManager[bool]:
    """Write as on a store without transactions."""
    return contextlib.nullcontext(enter_result=False)


class Clock:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall = NOW
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds


class ScriptedProvider:
    """Answers as told; otherwise with an echo of the question."""

    name = "scripted"

    def __init__(self) -> None:
        self.requests: list[CompletionRequest] = []
        self._script: deque[tuple[Sequence[str], BaseException | None]] = deque()
        self.meanwhile: Callable[[], object] = lambda: None

    def will_answer(self, *deltas: str) -> None:
        self._script.append((deltas, None))

    def will_fail(self, error: BaseException, *, after: Sequence[str] = ()) -> None:
        self._script.append((after, error))

    def prepare(self) -> None:
        pass

    def forget_script(self) -> None:
        self._script.clear()
        self.meanwhile = lambda: None

    def complete(self, request: CompletionRequest) -> Iterator[Delta | Completion]:
        self.requests.append(request)
        self.meanwhile()
        echo = (f"Answer to: {request.question}",)
        deltas, error = self._script.popleft() if self._script else (echo, None)
        for text in deltas:
            yield Delta(text=text)
        if error:
            raise error
        yield Completion(
            model=request.model, tokens_in=10, tokens_out=3, estimated=False
        )


class NoPassages:
    def find(
        self,
        assistant: Assistant,  # noqa: ARG002
        question: str,  # noqa: ARG002
        *,
        earlier: Sequence[str],  # noqa: ARG002
    ) -> tuple[Passage, ...] | None:
        return None


class NoLocks:
    """Processes on different machines: nobody can see another's lock."""

    def hold(self, process: str) -> None:
        pass

    def is_abandoned(self, process: str) -> bool:  # noqa: ARG002
        return False

    def remove(self, process: str) -> None:
        pass


class Store:
    """What server processes share: everything that outlives them."""

    def __init__(self, *, of: Assistant | None = None) -> None:
        self.assistant = of or assistant(id="a1")
        self.key = api_key(assistant_id=self.assistant.id)
        self.assistants = FakeAssistants(self.assistant)
        self.chats = FakeChats()
        self.messages = FakeMessages()
        self.usage = FakeUsage()
        self.processes = FakeProcesses()

    @property
    def chat(self) -> Chat:
        [chat] = self.chats.all()
        return chat

    def timeline(self) -> list[Message]:
        return self.messages.timeline(self.chat.id)


class ServerProcess:
    """One server process on a store; ``plan`` says at which call it fails."""

    def __init__(
        self,
        store: Store,
        *,
        plan: Plan | None = None,
        clock: Clock | None = None,
        provider: ScriptedProvider | None = None,
        longest_wait: float = 5,
    ) -> None:
        self.name = new_id()
        self.clock = clock or Clock()
        self.provider = provider or ScriptedProvider()
        self.late: list[Turn] = []
        self._key = store.key
        self.plan = plan = plan or Plan()
        assistants = faulty(store.assistants, plan)
        chats, messages = faulty(store.chats, plan), faulty(store.messages, plan)
        self.queue = TurnQueue(
            chats=chats, messages=messages, longest_wait=longest_wait
        )
        self.queue.run_late = self.late.append
        self.events = FakeEvents()
        timeline = Timeline(
            messages=messages, usage=faulty(store.usage, plan), events=self.events
        )
        self.entries = Entries(
            process=self.name,
            chats=chats,
            entries=chats,
            messages=messages,
            timeline=timeline,
            now=self.clock.now,
        )
        self.presence = Presence(
            process=self.name,
            processes=faulty(store.processes, plan),
            locks=NoLocks(),
            monotonic=self.clock.monotonic,
        )
        store.processes.beat(self.name)
        self.intake = Intake(
            process=self.name,
            assistants=assistants,
            chats=chats,
            messages=messages,
            repetitions=Repetitions(messages=messages, now=self.clock.now),
            handover=Handover(entries=self.entries, turns=self.queue),
            timeline=timeline,
            queue=self.queue,
            together=one_by_one,
            now=self.clock.now,
        )
        responder = Responder(
            messages=messages,
            retrieval=NoPassages(),
            provider=self.provider,
            default_model="gpt-test",
            context_tokens=8000,
            timeout=30,
        )
        self.turns = TurnService(
            chats=chats,
            queue=self.queue,
            timeline=timeline,
            now=self.clock.now,
            responder=responder,
            settling=Settling(
                chats=chats,
                queue=self.queue,
                timeline=timeline,
                together=one_by_one,
                now=self.clock.now,
            ),
        )
        self.recovery = Recovery(
            chats=chats,
            messages=messages,
            assistants=assistants,
            timeline=timeline,
            entries=self.entries,
            queue=self.queue,
            presence=self.presence,
        )

    def accept(self, sent: Post) -> Turn | TurnResult:
        return self.intake.accept(self._key, sent)

    def post(self, sent: Post) -> TurnResult:
        """Do all that the bot's request does."""
        taken = self.accept(sent)
        return taken if isinstance(taken, TurnResult) else self.answer(taken)

    def answer(self, turn: Turn, listener: Listener = PATIENT) -> TurnResult:
        *_, last = self.turns.answer(turn, listener)
        assert isinstance(last, TurnResult)
        return last

    def run_late(self) -> None:
        while self.late:
            self.turns.finish(self.late.pop(0))

    def bury_the_dead(self) -> None:
        """Clear up, as upkeep does it, until the dead have been silent for long."""
        for _ in range(int(SILENCE) // 3 + 3):
            with contextlib.suppress(AppError):
                self.recovery.clear_up()
            with contextlib.suppress(AppError):
                self.queue.look_after_late()
            self.clock.seconds += 3


def post(
    text: str = "Good morning",
    *,
    channel: Channel = CHANNEL,
    message_id: str | None = "wamid.1",
    idempotency_key: str | None = None,
    active: bool | None = None,
    username: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Post:
    return Post(
        channel=channel,
        username=username,
        active=active,
        text=text,
        message_id=message_id,
        idempotency_key=idempotency_key,
        metadata=metadata or {},
    )
