import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from app.models.job import Job, JobState
from app.services.presence import Presence

log = logging.getLogger(__name__)


class JobStore(Protocol):
    def add(self, job: Job) -> None: ...
    def count(self, state: JobState) -> int: ...
    def processes(self) -> list[str]: ...
    def give_back_all(self, process: str) -> int: ...
    def remove_for_subject(self, subject: str) -> None: ...


class Jobs:
    """Queues what is done in the background, in this process or another.

    ``arrived`` is set for the workers of this one.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        presence: Presence,
        arrived: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._presence = presence
        self._arrived = arrived
        self._now = now
        self._were_neglected = False

    def enqueue(
        self,
        kind: str,
        subject: str,
        *,
        revision: str,
        assistant_id: str,
    ) -> None:
        """Have something done about a subject as it is at a revision.

        While that is queued or runs, to ask for it again is nothing; once it is
        parked or done, it is done again. Returning means that no crash loses it.
        """
        self._jobs.add(
            Job(
                id=f"{kind}:{subject}:{revision}",
                kind=kind,
                subject=subject,
                revision=revision,
                assistant_id=assistant_id,
                state=JobState.QUEUED,
                process=None,
                attempts=0,
                error=None,
                created_at=self._now(),
            )
        )
        self._arrived.set()

    def remove_for_subject(self, subject: str) -> None:
        """Forget the jobs about a subject, but for one that runs: it is not stopped."""
        self._jobs.remove_for_subject(subject)

    def adopt_orphans(self) -> None:
        """Queue again what dead processes were running."""
        for process in self._presence.find_gone(self._jobs.processes()):
            count = self._jobs.give_back_all(process)
            log.warning("jobs taken over", extra={"server": process, "jobs": count})
            self._arrived.set()

    def warn_if_neglected(self) -> None:
        """Log when jobs wait, and nobody runs any, now and at the call before."""
        waiting = self._jobs.count(JobState.QUEUED)
        neglected = waiting > 0 and self._jobs.count(JobState.RUNNING) == 0
        if neglected and self._were_neglected:
            log.warning(
                "jobs wait and nobody runs them: start `flask worker`, or set WORKERS",
                extra={"jobs": waiting},
            )
        self._were_neglected = neglected
