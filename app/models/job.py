from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work to be done by whichever process has a worker for its ``kind``.

    ``subject`` is the id of what it is about, as it is at a ``revision``; ``process``
    who runs it. ``attempts``
    counts how often it was begun, but for the times that it was put off or given
    back. ``error`` is the code of why it is parked.
    """

    id: str
    kind: str
    subject: str
    revision: str
    assistant_id: str
    state: JobState
    process: str | None
    attempts: int
    error: str | None
    created_at: datetime
