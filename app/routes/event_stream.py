"""Server-sent events, a turn's among them."""

import contextvars
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import chain
from typing import Any

from flask import Response, json

HEARTBEAT = 15.0
EVENT_STREAM = "text/event-stream"

Event = tuple[str, dict[str, Any]]


def stream(events: Iterator[Event], *, at_end: Callable[[], None]) -> Response:
    """Answer with ``events``, which run to their end even if the reader leaves.

    They run on a thread of their own, with the request's log id and store time; the
    reader gets each as it comes, and a comment every 15 s in between.
    """
    relayed: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for event in events:
                relayed.put(event)
        finally:
            relayed.put(None)
            at_end()

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=[run], name="turn", daemon=True).start()
    return _answer(_frames(relayed))


def event_stream(frames: Iterator[bytes]) -> Response:
    """Answer with ``frames`` once the first is there: what fails before it is told.

    A generator that has begun is ended with the answer, however that ends.
    """
    first = next(frames)
    response = _answer(chain([first], frames))
    if isinstance(frames, Generator):
        response.call_on_close(frames.close)
    return response


def frame(name: str, data: str, *, event_id: str | None = None) -> bytes:
    """Return an event; ``data`` is JSON, on one line."""
    place = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {name}\n{place}data: {data}\n\n".encode()


def _answer(frames: Iterator[bytes]) -> Response:
    response = Response(frames, mimetype=EVENT_STREAM)
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _frames(relayed: "queue.SimpleQueue[Event | None]") -> Iterator[bytes]:
    while True:
        try:
            event = relayed.get(timeout=HEARTBEAT)
        except queue.Empty:
            yield b": still here\n\n"
            continue
        if event is None:
            return
        name, data = event
        yield frame(name, json.dumps(data))
