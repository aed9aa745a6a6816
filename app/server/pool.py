"""The request threads: the one that has just become idle gets the next request."""

import logging
import threading
from collections import deque
from typing import Protocol

log = logging.getLogger(__name__)


class Task(Protocol):
    def service(self) -> None: ...
    def cancel(self) -> None: ...


class _Worker:
    """A thread, and the next task it is given; without one it ends."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.next: Task | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class ThreadPool:
    """Runs tasks on at most so many threads, which are started as they are needed.

    Waitress's dispatcher wakes its threads in turn, so that each request meets cold
    caches and all threads' memory is in use; here a quiet server uses one thread.
    What a task adds as it ends, its thread runs next: a client's next request.
    It has the two methods by which waitress knows its dispatcher.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._waiting: deque[Task] = deque()
        self._started = 0
        self._ending = False
        self._own = threading.local()

    def add_task(self, task: Task) -> None:
        """Run it, or let it wait for a thread. Raises RuntimeError without any."""
        own: _Worker | None = getattr(self._own, "worker", None)
        with self._lock:
            if own and not own.next and not self._waiting:
                own.next = task
            elif self._idle:
                worker = self._idle.pop()
                worker.task = task
                worker.woken.release()
            elif self._started < self._most and self._start(task):
                pass
            else:
                self._waiting.append(task)

    def shutdown(self) -> None:
        """Let idle threads end, the others after their task; cancel what waits."""
        with self._lock:
            self._ending = True
            while self._idle:
                self._idle.pop().woken.release()
            while self._waiting:
                self._waiting.popleft().cancel()

    def _start(self, task: Task) -> bool:
        """Start a thread with its first task; False when the system gives none."""
        worker = _Worker()
        worker.task = task
        name = f"request-{self._started}"
        thread = threading.Thread(target=self._work, args=[worker], name=name)
        thread.daemon = True
        try:
            thread.start()
        except RuntimeError:
            if self._started == 0:
                raise
            log.warning("no further thread", extra={"threads": self._started})
            self._most = self._started
            return False
        self._started += 1
        return True

    def _work(self, worker: _Worker) -> None:
        self._own.worker = worker
        while worker.task:
            try:
                worker.task.service()
            except BaseException:
                log.exception("request broke")
            with self._lock:
                worker.task, worker.next = worker.next, None
                if worker.task:
                    continue
                if self._waiting:
                    worker.task = self._waiting.popleft()
                    continue
                if self._ending:
                    return
                self._idle.append(worker)
            worker.woken.acquire()
