"""The queue of jobs in memory; it runs the repository's contract tests."""

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from app.models.job import Job, JobState


class FakeJobs:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """Return a job in any state; only the fake has this."""
        return self._jobs.get(job_id)

    def add(self, job: Job) -> None:
        with self._lock:
            known = self._jobs.get(job.id)
            if known is None or known.state is JobState.PARKED:
                self._jobs[job.id] = job

    def claim(
        self, process: str, kinds: Collection[str], *, after: str = ""
    ) -> Job | None:
        with self._lock:
            queued = [
                job
                for job in self.all()
                if job.state is JobState.QUEUED and job.kind in kinds
            ]
            if not queued:
                return None
            found = min(
                queued,
                key=lambda job: (
                    job.assistant_id <= after,
                    job.assistant_id,
                    job.created_at,
                    job.id,
                ),
            )
            claimed = replace(
                found,
                state=JobState.RUNNING,
                process=process,
                attempts=found.attempts + 1,
            )
            self._jobs[claimed.id] = claimed
            return claimed

    def set_attempts(self, job_id: str, process: str, attempts: int) -> bool:
        return self._change(
            job_id, process, lambda job: replace(job, attempts=attempts)
        )

    def finish(self, job_id: str, process: str) -> None:
        with self._lock:
            if self._has(process, job_id):
                del self._jobs[job_id]

    def give_back(self, job_id: str, process: str, attempts: int) -> None:
        self._change(
            job_id, process, lambda job: replace(_queued(job), attempts=attempts)
        )

    def give_back_all(self, process: str) -> int:
        held = self.find_by_process(process)
        return sum(self._change(job.id, process, _queued) for job in held)

    def park(self, job_id: str, process: str, error: str) -> None:
        self._change(
            job_id,
            process,
            lambda job: replace(job, state=JobState.PARKED, process=None, error=error),
        )

    def find_by_process(self, process: str) -> list[Job]:
        return [job for job in self.all() if job.process == process]

    def processes(self) -> list[str]:
        return sorted({job.process for job in self.all() if job.process})

    def count(self, state: JobState) -> int:
        return sum(job.state is state for job in self.all())

    def remove_for_subject(self, subject: str) -> None:
        self._keep(lambda job: job.subject != subject or _runs(job))

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._keep(lambda job: job.assistant_id != assistant_id or _runs(job))

    def _keep(self, wanted: Callable[[Job], bool]) -> None:
        with self._lock:
            self._jobs = {job.id: job for job in self.all() if wanted(job)}

    def _change(self, job_id: str, process: str, change: Callable[[Job], Job]) -> bool:
        with self._lock:
            if not self._has(process, job_id):
                return False
            self._jobs[job_id] = change(self._jobs[job_id])
            return True

    def _has(self, process: str, job_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.process == process


def _runs(job: Job) -> bool:
    return job.state is JobState.RUNNING


def _queued(job: Job) -> Job:
    return replace(job, state=JobState.QUEUED, process=None)
