"""The end of a server: nobody is sent away, and it does not take for ever."""

import time
from collections.abc import Callable

from app.server.http_server import HttpServer

FINISHING = 30.0
FRESH = 1.0
LOOK_AGAIN = 0.05


def drain(
    server: HttpServer,
    *,
    is_idle: Callable[[], bool],
    moving_on: float,
    finishing: float = FINISHING,
) -> bool:
    """Serve what comes for ``moving_on`` seconds, then finish what runs.

    ``finishing`` seconds after the beginning it ends; False when something still
    runs then. The server's ``stopping`` is set, so that each answer ends its
    connection.
    """
    began = time.monotonic()

    def is_done() -> bool:
        return not server.channels() and is_idle()

    while time.monotonic() < began + moving_on:
        server.run_once(LOOK_AGAIN)
        if is_done():
            break
    server.stop_listening()
    while time.monotonic() < began + finishing:
        server.run_once(LOOK_AGAIN)
        server.close_idle(fresh=FRESH if moving_on else 0)
        if is_done():
            return True
    return False
