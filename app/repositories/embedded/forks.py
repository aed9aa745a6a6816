"""A fork must not carry an open SQLite connection into the child.

Before a fork every store of the process closes its connections; parent and child
open their own afterwards. (subprocess does not fork this way and costs nothing.)
"""

import os
import weakref

from .engine import Engine

_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_stopped: list[Engine] = []


def watch(engine: Engine) -> None:
    _engines.add(engine)


def _before() -> None:
    for engine in list(_engines):
        engine.pause()
        _stopped.append(engine)


def _after_in_parent() -> None:
    while _stopped:
        _stopped.pop().resume(child=False)


def _after_in_child() -> None:
    while _stopped:
        _stopped.pop().resume(child=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )
