"""The server: `python main.py`, or `waitress-serve --call main:create_app`."""

import logging
import sys
import threading

import click
from apiflask import APIFlask

from app import factory
from app.cli import register_commands
from app.config import ConfigurationError, Settings, load_settings
from app.errors import AppError
from app.server.logs import set_up_logging
from app.server.serving import serve
from app.services.thread_shares import RequestThreads
from app.wiring import Services

log = logging.getLogger("main")

FEW_THREADS = 16
THREADS_STARTED = 2.0


def create_app() -> APIFlask:
    """Build the app from the environment and start what runs in the background."""
    return _start(_settings())


def main() -> None:
    settings = _settings()
    try:
        serve(_start(settings), settings)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        sys.exit(f"configuration: HOST or PORT: {reason}")


def _settings() -> Settings:
    try:
        return load_settings()
    except ConfigurationError as exc:
        sys.exit(f"configuration: {exc}")


def _start(settings: Settings) -> APIFlask:
    set_up_logging(settings.log_level)
    try:
        app = factory.create_app(settings)
    except ConfigurationError as exc:
        sys.exit(f"configuration: {exc}")
    register_commands(app)
    services: Services = app.extensions["services"]
    services.upkeep.start()
    if not _is_command():
        services.workers.start(settings.workers)
    for prepare in services.prepare:
        threading.Thread(target=prepare, daemon=True).start()
    _tell_setup_token(settings, services)
    warning = threading.Timer(
        THREADS_STARTED, _warn_of_few_threads, [services.request_threads]
    )
    warning.daemon = True
    warning.start()
    return app


def _is_command() -> bool:
    """Tell whether a `flask` command other than `run` makes the app.

    It would leave the jobs that it has begun.
    """
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name != "run"


def _tell_setup_token(settings: Settings, services: Services) -> None:
    if settings.setup_token or settings.registration == "closed":
        return
    try:
        if services.auth.has_users():
            return
    except AppError:
        log.warning("the store is not available yet")
        return
    log.warning(
        "no user yet: register from this machine, or with this setup token",
        extra={"setup_token": services.keyring.setup_token()},
    )


def _warn_of_few_threads(request_threads: RequestThreads) -> None:
    threads = request_threads.count()
    if threads < FEW_THREADS:
        log.warning(
            "few threads: most messages that come at once get 503 busy;"
            " use `python main.py`, or waitress-serve --threads=320",
            extra={"threads": threads},
        )


if __name__ == "__main__":
    main()
