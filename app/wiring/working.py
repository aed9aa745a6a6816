import threading
from collections.abc import Mapping
from dataclasses import dataclass

from app.repositories.database import now
from app.services.held_jobs import HeldJobs
from app.services.jobs import Jobs
from app.services.presence import Presence
from app.services.workers import Handler, Workers
from app.wiring.stores import Repositories


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The queue of jobs, and who does them here."""

    jobs: Jobs
    workers: Workers


def build_working(
    kept: Repositories,
    *,
    presence: Presence,
    handlers: Mapping[str, Handler],
    stopping: threading.Event,
) -> Working:
    """Connect them; ``handlers`` are by kind, and may be added until the start."""
    arrived = threading.Event()
    return Working(
        jobs=Jobs(jobs=kept.jobs, presence=presence, arrived=arrived, now=now),
        workers=Workers(
            held=HeldJobs(
                process=presence.process, jobs=kept.jobs, kinds=handlers.keys()
            ),
            handlers=handlers,
            arrived=arrived,
            stopping=stopping,
        ),
    )
