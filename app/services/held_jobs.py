import heapq
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Protocol

from app.models.job import Job

FIRST_DELAY = 5.0
LONGEST_DELAY = 300.0
GROWTH = (1, 3, 12, 60)  # 5, 15, 60, and then each time 300 seconds


class JobStore(Protocol):
    def claim(
        self, process: str, kinds: Collection[str], *, after: str
    ) -> Job | None: ...
    def set_attempts(self, job_id: str, process: str, attempts: int) -> bool: ...
    def finish(self, job_id: str, process: str) -> None: ...
    def give_back(self, job_id: str, process: str, attempts: int) -> None: ...
    def park(self, job_id: str, process: str, error: str) -> None: ...
    def find_by_process(self, process: str) -> list[Job]: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A job to be run here; ``delays`` counts how often it was put off here.

    It is a suspect if the process that ran it last has died.
    """

    job: Job
    delays: int = 0
    is_suspect: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    due: float
    job_id: str
    held: Held = field(compare=False)


class HeldJobs:
    """The jobs that this process has: those that run, and those put off.

    What a method writes may be written twice, and does nothing to a job that
    another process was given meanwhile. All may raise StoreUnavailable; then they
    are to be called again.
    """

    def __init__(
        self,
        *,
        process: str,
        jobs: JobStore,
        kinds: Collection[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._jobs = jobs
        self._kinds = kinds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}  # the attempts to give each back with
        self._waiting: list[_Waiting] = []
        self._served = ""  # the assistant whose turn it was last
        self._claimed_again: set[str] = set()
        self._may_have_strays = False

    def take(self) -> Held | None:
        """Return what to run now: a job put off until now, or one of the queue."""
        with self._lock:
            self._return_strays()
            return self._take_waiting() or self._claim()

    def seconds_to_next(self) -> float | None:
        """Return when a job put off is due; None: there is none."""
        with self._lock:
            if not self._waiting:
                return None
            return max(0.0, self._waiting[0].due - self._monotonic())

    def finish(self, held: Held) -> None:
        self._jobs.finish(held.job.id, self._process)
        self._let_go(held.job.id)

    def give_back(self, held: Held) -> None:
        """Queue a job again as if it had not been begun."""
        job = held.job
        self._jobs.give_back(job.id, self._process, job.attempts - 1)
        self._let_go(job.id)

    def park(self, held: Held, error: str) -> None:
        self._jobs.park(held.job.id, self._process, error)
        self._let_go(held.job.id)

    def put_off(self, held: Held, *, counted: bool, first: float = FIRST_DELAY) -> None:
        """Keep a job, to run it again after 5, 15, 60, and then each 300 seconds.

        ``first`` comes in place of the 5, and the others are in proportion, up to
        300. Unless ``counted``, it was not an attempt.
        """
        job = held.job
        if not counted:
            job = replace(job, attempts=job.attempts - 1)
            self._jobs.set_attempts(job.id, self._process, job.attempts)
        delay = first * GROWTH[min(held.delays, len(GROWTH) - 1)]
        due = self._monotonic() + min(delay, LONGEST_DELAY)
        with self._lock:
            self._held[job.id] = job.attempts
            later = replace(held, job=job, delays=held.delays + 1)
            heapq.heappush(self._waiting, _Waiting(due, job.id, later))

    def give_back_all(self) -> None:
        """Queue again whatever is here, run or put off, at the process's end."""
        for job_id, attempts in list(self._held.items()):
            self._jobs.give_back(job_id, self._process, attempts)

    def _take_waiting(self) -> Held | None:
        while self._waiting and self._waiting[0].due <= self._monotonic():
            held = self._waiting[0].held
            job = replace(held.job, attempts=held.job.attempts + 1)
            still_ours = self._jobs.set_attempts(job.id, self._process, job.attempts)
            heapq.heappop(self._waiting)
            if still_ours:
                return replace(held, job=job)
            del self._held[job.id]
            self._claimed_again.discard(job.id)
        return None

    def _claim(self) -> Held | None:
        self._may_have_strays = True  # if the answer is lost
        while job := self._jobs.claim(self._process, self._kinds, after=self._served):
            self._served = job.assistant_id
            if job.id not in self._held:
                break
            # We were counted dead while it ran or waited here, or it was done
            # and queued anew this very moment.
            self._claimed_again.add(job.id)
        self._may_have_strays = False
        if job is None:
            return None
        self._held[job.id] = job.attempts - 1
        return Held(job, is_suspect=job.attempts > 1)

    def _let_go(self, job_id: str) -> None:
        with self._lock:
            self._held.pop(job_id, None)
            if job_id in self._claimed_again:
                self._claimed_again.remove(job_id)
                self._may_have_strays = True

    def _return_strays(self) -> None:
        """Queue again what the store gave us without our knowing."""
        if not self._may_have_strays:
            return
        for job in self._jobs.find_by_process(self._process):
            if job.id not in self._held:
                self._jobs.give_back(job.id, self._process, job.attempts - 1)
        self._may_have_strays = False
