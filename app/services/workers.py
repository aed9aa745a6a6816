import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from app.errors import AppError, StorageFull, StoreUnavailable
from app.models.job import Job
from app.services.held_jobs import FIRST_DELAY, Held, HeldJobs

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
STOPPING = 3.0
MOST_ATTEMPTS = 3
QUIET = (5.0, 60.0)  # seconds before the second attempt of a suspect, and the third
POISONED = "poisoned"
STORE_TROUBLE = (StoreUnavailable, StorageFull)

_random = random.SystemRandom()


class TryAgain(Exception):
    """What a job needs is away: it is run later, however often that takes.

    First after so many seconds, then after longer and longer ones, up to 300 each.
    """

    def __init__(self, after: float = FIRST_DELAY) -> None:
        super().__init__(after)
        self.after = after


class Interrupted(Exception):
    """A job was not done, as the process is stopping; it goes back to the queue."""


class Handler(Protocol):
    """Does the jobs of a kind.

    A job may be run more than once, from its beginning: after a crash, and even at
    the same time by a process that was wrongly taken for dead. Two of the same
    subject, at different revisions, may run at once too. Each run must come to the
    same in the end: write under ids made of the job, and swap in one step.

    What computes for long belongs in a child process, which can be niced. A worker
    keeps its thread's usual priority: while it waits for a processor it may hold
    the interpreter, or the store's write lock, that chats wait for.
    """

    def run(self, job: Job, stopping: Callable[[], bool]) -> None:
        """Do a job.

        Raises TryAgain; Interrupted, soon after ``stopping`` has become true. Where
        the store fails, it is run again. Any other error makes it a failed attempt.
        """

    def give_up(self, job: Job, error: str) -> None:
        """Note that a job is parked: ``error`` is the code of its third failure.

        It is ``poisoned`` when the third process in which it ran has died. This
        may happen more than once too.
        """


class Workers:
    """Threads that run jobs.

    They look for one when ``arrived`` is set, and every second: other processes
    queue jobs too. Once ``stopping`` is set they begin no further one.

    A process that dies may have been killed by a job that it ran, or by anything
    else. So the jobs that it ran begin again one at a time, and each after a quiet
    while in which a further death is not held against it. The third death of its
    process parks a job.
    """

    def __init__(
        self,
        *,
        held: HeldJobs,
        handlers: Mapping[str, Handler],
        arrived: threading.Event,
        stopping: threading.Event,
    ) -> None:
        self._held = held
        self._handlers = handlers
        self._arrived = arrived
        self._stopping = stopping
        self._threads: list[threading.Thread] = []
        self._suspected = threading.Lock()  # held while a suspect runs

    def start(self, count: int) -> None:
        for number in range(1, count + 1):
            thread = threading.Thread(
                target=self._work, name=f"worker-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Give what runs 3 s to end; then queue it again, for another process."""
        self._stopping.set()
        self._arrived.set()
        give_up = time.monotonic() + STOPPING
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        try:
            self._held.give_back_all()
        except STORE_TROUBLE as exc:
            log.warning("jobs left behind", extra={"code": exc.code})

    def _work(self) -> None:
        while not self._stopping.is_set():
            held = self._take()
            if held:
                self._run(held)
            else:
                self._arrived.wait(self._look_after())
                self._arrived.clear()

    def _take(self) -> Held | None:
        try:
            return self._held.take()
        except STORE_TROUBLE as exc:
            log.warning("jobs put off", extra={"code": exc.code})
        except Exception:
            log.exception("taking a job failed")
        self._stopping.wait(LOOK_EVERY)
        return None

    def _look_after(self) -> float:
        """Return how many seconds to sleep, not the same for all processes."""
        next_one = self._held.seconds_to_next()
        look = LOOK_EVERY * _random.uniform(0.8, 1.2)
        return look if next_one is None else min(look, next_one)

    def _run(self, held: Held) -> None:
        if held.job.attempts > MOST_ATTEMPTS:
            self._give_up(held, POISONED)
        elif not held.is_suspect:
            self._do(held)
        elif held.delays and self._suspected.acquire(blocking=False):
            try:
                self._do(held)
            finally:
                self._suspected.release()
        else:
            after = LOOK_EVERY if held.delays else QUIET[held.job.attempts - 2]
            self._settle(lambda: self._held.put_off(held, counted=False, first=after))

    def _do(self, held: Held) -> None:
        job = held.job
        about = {"job_id": job.id, "attempt": job.attempts}
        try:
            self._handlers[job.kind].run(job, self._stopping.is_set)
        except Interrupted:
            self._settle(lambda: self._held.give_back(held))
        except TryAgain as exc:
            after = exc.after
            log.info("job put off", extra=about)
            self._settle(lambda: self._held.put_off(held, counted=False, first=after))
        except STORE_TROUBLE as exc:
            log.warning("job put off", extra=about | {"code": exc.code})
            self._settle(lambda: self._held.put_off(held, counted=False))
        except AppError as exc:
            log.warning("job failed", extra=about | {"code": exc.code})
            self._fail(held, exc.code)
        except Exception:
            log.exception("job failed", extra=about)
            self._fail(held, AppError.code)
        else:
            self._settle(lambda: self._held.finish(held))

    def _fail(self, held: Held, error: str) -> None:
        if held.job.attempts >= MOST_ATTEMPTS:
            self._give_up(held, error)
        else:
            self._settle(lambda: self._held.put_off(held, counted=True))

    def _give_up(self, held: Held, error: str) -> None:
        job = held.job

        def give_up() -> None:
            try:
                self._handlers[job.kind].give_up(job, error)
            except STORE_TROUBLE:
                raise
            except Exception:
                log.exception("giving a job up failed", extra={"job_id": job.id})
            self._held.park(held, error)

        log.error("job parked", extra={"job_id": job.id, "code": error})
        self._settle(give_up)

    def _settle(self, write: Callable[[], object]) -> None:
        """Write what has become of a job, however long the store is away.

        When the process stops before, another one runs the job again.
        """
        while True:
            try:
                write()
            except STORE_TROUBLE as exc:
                log.warning("a job's end put off", extra={"code": exc.code})
            except Exception:
                log.exception("a job's end failed")
            else:
                return
            if self._stopping.wait(LOOK_EVERY):
                return
