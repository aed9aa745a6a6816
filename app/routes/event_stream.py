"""A turn as server-sent events."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, json

HEARTBEAT = 15.0

Event = tuple[str, dict[str, Any]]


def stream(events: Iterator[Event], *, at_end: Callable[[], None]) -> Response:
    """Answer with ``events``, which run to their end even if the reader leaves.

    They run on a thread of their own; the reader gets each as it comes, and a
    comment every 15 s in between.
    """
    relayed: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for event in events:
                relayed.put(event)
        finally:
            relayed.put(None)
            at_end()

    threading.Thread(target=run, name="turn", daemon=True).start()
    response = Response(_frames(relayed), mimetype="text/event-stream")
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
        yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
