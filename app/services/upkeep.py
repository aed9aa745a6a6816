import logging
import threading
import time
from collections.abc import Callable, Sequence

from app.errors import AppError
from app.services.presence import Presence

log = logging.getLogger(__name__)

INTERVAL = 3.0
SELDOM = 60.0


class Upkeep:
    """What a server process does by itself, every few seconds.

    Its heart has a thread of its own, and beats however long a task takes.
    ``prepare`` runs first, again and again until it succeeds; ``often`` each time,
    ``seldom`` at the start and then every minute. A task that fails is logged and
    runs again the next time.
    """

    def __init__(
        self,
        *,
        presence: Presence,
        prepare: Callable[[], object],
        often: Sequence[Callable[[], object]],
        seldom: Sequence[Callable[[], object]],
    ) -> None:
        self._presence = presence
        self._prepare = prepare
        self._often = often
        self._seldom = seldom
        self._prepared = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._silenced = threading.Event()
        self._heart = threading.Thread(target=self._live, name="heart", daemon=True)

    def start(self) -> None:
        self._presence.arrive()
        self._prepared = self._attempt(self._prepare)
        # Before the first request: the turns of who never beat would be nobody's.
        self._attempt(self._presence.beat)
        self._heart.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the task that runs now."""
        for ended, thread in (
            (self._stopped, self._thread),
            (self._silenced, self._heart),
        ):
            ended.set()
            if thread.is_alive():
                thread.join()

    def _live(self) -> None:
        while not self._silenced.wait(INTERVAL):
            self._attempt(self._presence.beat)

    def _run(self) -> None:
        seldom_at = time.monotonic()
        while not self._stopped.is_set():
            self._prepared = self._prepared or self._attempt(self._prepare)
            tasks = [*self._often]
            if time.monotonic() >= seldom_at:
                tasks += self._seldom
                seldom_at = time.monotonic() + SELDOM
            for task in tasks:
                self._attempt(task)
            self._stopped.wait(INTERVAL)

    def _attempt(self, task: Callable[[], object]) -> bool:
        """Run a task; False when it failed."""
        name = getattr(task, "__qualname__", repr(task))
        try:
            task()
        except AppError as exc:
            log.warning("upkeep put off", extra={"task": name, "code": exc.code})
        except Exception:
            log.exception("upkeep failed", extra={"task": name})
        else:
            return True
        return False
