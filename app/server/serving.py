"""Serving with waitress until told to stop; what runs is finished first."""

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

from apiflask import APIFlask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from app.config import Settings
from app.wiring import Services

log = logging.getLogger(__name__)

CONNECTIONS = 2000
IDLE_CONNECTION = 120
BODY_OVERHEAD = 1024 * 1024
FINISHING = 100.0
LOOK_AGAIN = 0.5

Sockets = dict[int, Any]


def serve(app: APIFlask, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the running requests and return.

    Raises OSError when the address cannot be had.
    """
    services: Services = app.extensions["services"]
    sockets: Sockets = {}
    create_server(
        app,
        map=sockets,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_CONNECTION,
        max_request_body_size=settings.max_upload_mb * 1024 * 1024 + BODY_OVERHEAD,
        ident=None,
    )
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        for listener in _listeners(sockets):
            listener.pull_trigger()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _announce(sockets, settings, services)
    while not stopping.is_set():
        _run_once(sockets)
    _drain(sockets, services)
    services.close()


def _announce(sockets: Sockets, settings: Settings, services: Services) -> None:
    port = _listeners(sockets)[0].effective_port
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(
        f"Orquestradora listens on http://{host}:{port}\n"
        f"  store     {services.store.name}\n"
        f"  provider  {services.provider_name}\n"
        f"  API page  http://{host}:{port}/docs",
        flush=True,
    )


def _drain(sockets: Sockets, services: Services) -> None:
    """Take no new connection and wait for what runs, 100 s at the most."""
    log.info("stopping")
    for listener in _listeners(sockets):
        wasyncore.dispatcher.close(listener)  # its trigger still wakes the loop
    give_up = time.monotonic() + FINISHING
    while time.monotonic() < give_up:
        busy = any(
            channel.requests or channel.total_outbufs_len
            for channel in list(sockets.values())
            if isinstance(channel, HTTPChannel)
        )
        if not busy and services.is_idle():
            return
        _run_once(sockets)
    log.warning("stopped with requests still running")


def _run_once(sockets: Sockets) -> None:
    wasyncore.loop(timeout=LOOK_AGAIN, map=sockets, use_poll=True, count=1)


def _listeners(sockets: Sockets) -> list[Any]:
    return [s for s in list(sockets.values()) if isinstance(s, BaseWSGIServer)]
