import logging
import os
import signal
import threading
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext

from app.wiring import Services

CLOSING = 30.0


@click.command("worker")
@click.option(
    "--threads",
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    help="Jobs that it runs at once",
)
@with_appcontext
def worker(threads: int) -> None:
    """Run background jobs until SIGTERM, for servers that have WORKERS=0."""
    services: Services = current_app.extensions["services"]
    told = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if told.is_set():
            os._exit(0)
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    services.workers.start(threads)
    click.echo(
        f"Orquestradora works in the background\n"
        f"  store     {services.store.name}\n"
        f"  threads   {threads}"
    )
    told.wait()
    closing = threading.Thread(target=services.close, name="closing", daemon=True)
    closing.start()
    closing.join(CLOSING)
    logging.shutdown()
    os._exit(0)  # Python would wait for its threads
