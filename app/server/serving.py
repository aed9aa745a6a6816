"""Serving until told to stop; what runs is finished first."""

import logging
import os
import signal
import sys
import threading
from types import FrameType

from apiflask import APIFlask

from app.config import Settings
from app.server.draining import drain
from app.server.http_server import BODIES_TOGETHER, HttpServer
from app.wiring import Services

log = logging.getLogger(__name__)

BODY_OVERHEAD = 1024 * 1024
MOVING_ON = 3.0
CLOSING = 5.0


def serve(app: APIFlask, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs and end the process.

    Behind a proxy SIGTERM gives clients 3 s to go elsewhere; Ctrl-C does not. A
    second signal ends the process at once. Raises OSError when the address cannot
    be had.
    """
    services: Services = app.extensions["services"]
    server = HttpServer(
        app,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        largest_body=settings.max_upload_mb * 1024 * 1024 + BODY_OVERHEAD,
        larger_bodies=settings.larger_bodies,
        bodies_together=max(BODIES_TOGETHER, 2 * max(settings.larger_bodies.values())),
        stopping=services.stopping,
    )
    told: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if told:
            os._exit(0)
        told.append(number)
        server.wake()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _announce(server, settings, services)
    while not told:
        server.run_once()
    log.info("stopping")
    services.stopping.set()
    moving_on = MOVING_ON if told == [signal.SIGTERM] else 0
    if drain(server, is_idle=services.is_idle, moving_on=moving_on):
        _close(services)
    else:
        log.warning("stopped with requests still running")
    _exit()


def _announce(server: HttpServer, settings: Settings, services: Services) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(
        f"Orquestradora listens on http://{host}:{server.port}\n"
        f"  store     {services.store.name}\n"
        f"  provider  {services.provider_name}\n"
        f"  API page  http://{host}:{server.port}/docs",
        flush=True,
    )


def _close(services: Services) -> None:
    closing = threading.Thread(target=services.close, name="closing", daemon=True)
    closing.start()
    closing.join(CLOSING)
    if closing.is_alive():
        log.warning("stopped before everything was closed")


def _exit() -> None:
    """End the process with 0, whatever runs: Python would wait for its threads."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
