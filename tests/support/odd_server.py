"""A server that is quicker than ours, whose clock is wrong, or that dies at a call.

Its environment tells it. ``LOOKS_EVERY``: seconds between two rounds of its upkeep.
``HASTE``: how many times sooner than ours it looks, takes the silent for dead, and
runs again what may have killed another. ``CLOCK_OFF``: seconds to add to the wall clock. ``DIES_AT``: ``module:Class.method`` at
whose call it kills itself; ``DIES``: ``before`` it has done its work, or ``after``.
"""

import importlib
import os
import signal
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

import main
from app.services import presence, upkeep, workers
from tests.support.forked import ForkedServer
from tests.support.processes import ServerProcess

READING_CLOCKS = ("app", "jwt", "flask_jwt_extended")


def running_alert(folder: Path, **settings: Any) -> ServerProcess:
    """Run a server that sees at once who has died, and what others have ended."""
    return OddServer(folder, looks_every=0.2, **settings)


def running_hasty(folder: Path, **settings: Any) -> ServerProcess:
    """Run a server that sees soon who has died, and goes on with what they had."""
    return OddServer(folder, haste=5, **settings)


def running_late(folder: Path, hours: float, **settings: Any) -> ServerProcess:
    """Run a server whose wall clock is so many hours ahead."""
    return OddServer(folder, clock_off=hours * 3600, **settings)


def running_to_die(
    folder: Path, call: str, when: Literal["before", "after"], **settings: Any
) -> ServerProcess:
    """Run a server that dies at its first such call, as by `kill -9`."""
    return OddServer(folder, dies_at=call, dies=when, **settings)


def shift_clocks(seconds: float) -> None:
    """Shift whatever the product and its tokens read; monotonic time stays."""
    off = timedelta(seconds=seconds)
    read = time.time

    class AnyMoment(type):
        def __instancecheck__(cls, moment: object) -> bool:
            return isinstance(moment, datetime)

    class Shifted(datetime, metaclass=AnyMoment):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + off

    time.time = lambda: read() + seconds
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in READING_CLOCKS:
            if getattr(module, "datetime", None) is datetime:
                module.__dict__["datetime"] = Shifted
            if getattr(module, "time", None) is read:
                module.__dict__["time"] = time.time


def hurry(haste: float) -> None:
    upkeep.INTERVAL /= haste
    presence.SILENCE /= haste
    first, second = workers.QUIET
    workers.QUIET = first / haste, second / haste


def die_at(place: str, when: str) -> None:
    module, _, path = place.partition(":")
    owner, _, name = path.partition(".")
    cls = getattr(importlib.import_module(module), owner)
    work = getattr(cls, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            work(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(cls, name, call)


def run() -> None:
    if "LOOKS_EVERY" in os.environ:
        upkeep.INTERVAL = float(os.environ["LOOKS_EVERY"])
    hurry(float(os.environ.get("HASTE", "1")))
    shift_clocks(float(os.environ.get("CLOCK_OFF", "0")))
    if "DIES_AT" in os.environ:
        die_at(os.environ["DIES_AT"], os.environ["DIES"])
    main.main()


class OddServer(ForkedServer):
    """Such a process, for tests that start and end it."""

    run = staticmethod(run)
