"""Collaborators that fail, or die with their process, at a chosen call."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

from app.errors import StoreUnavailable

T = TypeVar("T")
Mode = Literal["refused", "answer lost", "crash", "crash after"]
MODES: tuple[Mode, ...] = ("refused", "answer lost", "crash", "crash after")


class Crash(BaseException):
    """The process ends here: no handler of its reaches the store any more."""


class Plan:
    """What happens at the ``at``-th call of the collaborators that share it.

    ``refused``: it fails and has done nothing. ``answer lost``: it has done its
    work and fails. ``crash``, ``crash after``: so ends the process, and whatever
    its handlers still call does nothing.
    """

    def __init__(
        self,
        at: int = 0,
        mode: Mode = "refused",
        error: Callable[[], Exception] = StoreUnavailable,
    ) -> None:
        self._at = at
        self._mode = mode
        self._error = error
        self._dead = False
        self.happened = False
        self.calls: list[str] = []
        self.hooks: dict[str, Callable[[], object]] = {}

    def disarm(self) -> None:
        """Let everything work from now on, if it has not happened yet."""
        self._at = 0

    def run(self, name: str, call: Callable[[], Any]) -> Any:
        if self._dead:
            raise Crash
        self.calls.append(name)
        now = len(self.calls) == self._at
        self.happened = self.happened or now
        if now and self._mode == "refused":
            raise self._error()
        if now and self._mode == "crash":
            self._dead = True
            raise Crash
        result = call()
        if hook := self.hooks.pop(name, None):
            try:
                hook()
            except Crash:
                self._dead = True
                raise
        if now and self._mode == "answer lost":
            raise self._error()
        if now:
            self._dead = True
            raise Crash
        return result


class _Faulty:
    def __init__(self, inner: Any, plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            full = f"{type(self._inner).__name__}.{name}"
            return self._plan.run(full, lambda: member(*args, **kwargs))

        return call


def faulty(inner: T, plan: Plan) -> T:
    """Return ``inner`` with every method failing as planned."""
    return cast("T", _Faulty(inner, plan))
