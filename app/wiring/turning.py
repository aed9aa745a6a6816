import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.config import Settings
from app.repositories.database import now
from app.services.entries import Entries
from app.services.handover import Handover
from app.services.intake import Intake
from app.services.knowledge.retrieval import RetrievalService
from app.services.llm.port import Provider
from app.services.presence import Presence
from app.services.recovery import Recovery
from app.services.repetitions import Repetitions
from app.services.responding import Responder
from app.services.return_timer import ReturnTimer
from app.services.settling import Settling
from app.services.timeline import Events, Timeline
from app.services.turn_queue import Turn, TurnQueue
from app.services.turns import TurnService
from app.wiring.stores import Repositories

log = logging.getLogger(__name__)

LATE_TURNS_AT_ONCE = 128
"""Threads for turns that no request waits for.

After a process has died, another runs what it had: up to 256 turns with the default
threads, so two rounds of the longest turn at the most.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """The parts of the turn, which know each other."""

    intake: Intake
    turns: TurnService
    queue: TurnQueue
    entries: Entries
    recovery: Recovery
    return_timer: ReturnTimer
    late: ThreadPoolExecutor


def build_turning(
    settings: Settings,
    kept: Repositories,
    *,
    presence: Presence,
    retrieval: RetrievalService,
    provider: Provider,
    events: Events,
) -> Turning:
    queue = TurnQueue(chats=kept.chats, messages=kept.messages)
    timeline = Timeline(messages=kept.messages, usage=kept.usage, events=events)
    entries = Entries(
        process=presence.process,
        chats=kept.chats,
        entries=kept.chat_entries,
        messages=kept.messages,
        timeline=timeline,
        now=now,
    )
    responder = Responder(
        messages=kept.messages,
        retrieval=retrieval,
        provider=provider,
        default_model=settings.openai_model,
        context_tokens=settings.model_context_tokens,
        timeout=settings.turn_timeout_seconds,
    )
    turns = TurnService(
        chats=kept.chats,
        queue=queue,
        timeline=timeline,
        now=now,
        responder=responder,
        settling=Settling(
            chats=kept.chats,
            queue=queue,
            timeline=timeline,
            together=kept.together,
            now=now,
        ),
    )
    late = ThreadPoolExecutor(LATE_TURNS_AT_ONCE, thread_name_prefix="late-turn")

    def run_late(turn: Turn) -> None:
        try:
            late.submit(turns.finish, turn)
        except RuntimeError:  # shutting down: the next process runs it
            log.warning("late turn left behind", extra={"turn_id": turn.id})

    queue.run_late = run_late
    return Turning(
        intake=Intake(
            process=presence.process,
            assistants=kept.assistants,
            chats=kept.chats,
            messages=kept.messages,
            repetitions=Repetitions(messages=kept.messages, now=now),
            handover=Handover(entries=entries, turns=queue),
            timeline=timeline,
            queue=queue,
            together=kept.together,
            now=now,
        ),
        turns=turns,
        queue=queue,
        entries=entries,
        recovery=Recovery(
            chats=kept.chats,
            messages=kept.messages,
            assistants=kept.assistants,
            timeline=timeline,
            entries=entries,
            queue=queue,
            presence=presence,
        ),
        return_timer=ReturnTimer(
            chats=kept.chats,
            attended=kept.chat_entries,
            assistants=kept.assistants,
            entries=entries,
        ),
        late=late,
    )
