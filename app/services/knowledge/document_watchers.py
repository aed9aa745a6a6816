import threading
import time
from collections.abc import Callable
from typing import Protocol

from app.models.document import Document
from app.models.event import DocumentsEvent

TOGETHER = 0.5
AT_ONCE = 50  # documents in an event


class Events(Protocol):
    def publish(self, event: DocumentsEvent) -> None: ...


class Timer(Protocol):
    def cancel(self) -> None: ...


StartTimer = Callable[[float, Callable[[], None]], Timer]


def start_timer(seconds: float, call: Callable[[], None]) -> Timer:
    """Raises RuntimeError when the system gives no further thread."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class DocumentWatchers:
    """Those who watch an assistant's documents: they are told twice a second at most.

    What changes in that time is told together, a document once: however many
    documents come and are indexed, their events stay few beside those of chats.
    """

    def __init__(
        self,
        *,
        events: Events,
        monotonic: Callable[[], float] = time.monotonic,
        start_timer: StartTimer = start_timer,
    ) -> None:
        self._events = events
        self._monotonic = monotonic
        self._start_timer = start_timer
        self._lock = threading.Lock()
        self._changed: dict[str, dict[str, None]] = {}
        self._timer: Timer | None = None
        self._next_at = monotonic()

    def tell(self, document: Document) -> None:
        """Tell of a document that is new, changed or gone; it never fails."""
        with self._lock:
            of_assistant = self._changed.setdefault(document.assistant_id, {})
            of_assistant[document.id] = None
            if self._timer is not None:
                return
            wait = self._next_at - self._monotonic()
            if wait > 0:
                try:
                    self._timer = self._start_timer(wait, self.flush)
                except RuntimeError:  # rather too often than not at all
                    wait = 0
        if wait <= 0:
            self.flush()

    def flush(self) -> None:
        """Tell now what is still to be told."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            changed, self._changed = self._changed, {}
            self._next_at = self._monotonic() + TOGETHER
        for assistant_id, documents in changed.items():
            ids = tuple(documents)
            for start in range(0, len(ids), AT_ONCE):
                self._events.publish(
                    DocumentsEvent(
                        assistant_id=assistant_id,
                        document_ids=ids[start : start + AT_ONCE],
                    )
                )
