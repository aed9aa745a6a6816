"""The loop that waits for sockets, and looks only at those that changed."""

import selectors
from collections import deque
from typing import Any

from waitress import wasyncore

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Sockets(dict[int, Any]):
    """Waitress's map of its sockets by file descriptor, and the loop over them.

    Waitress's own loop asks each socket at each wake-up what it waits for. This one
    keeps what it was told, and asks those that had an event and those that a request
    thread names. Sockets come and go on the loop's thread only.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = selectors.DefaultSelector()
        self._waits_for: dict[int, int] = {}
        self._being_asked: Any = None
        self._to_ask: deque[Any] = deque()

    def __setitem__(self, number: int, one: Any) -> None:
        super().__setitem__(number, one)
        self._to_ask.append(one)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        if self._waits_for.pop(number, 0):
            self._selector.unregister(number)

    def has_changed(self, one: Any) -> bool:
        """Tell the loop of a change on another thread; True: it must be woken.

        What the loop may be asking at this moment counts as changed: it may have
        been asked before the change.
        """
        asked = self._being_asked is one
        if not asked and self._waits_for.get(one._fileno, 0) == _wanted(one):  # noqa: SLF001
            return False
        self._to_ask.append(one)
        return True

    def run_once(self, timeout: float) -> None:
        """Handle what happens next, if anything does within so many seconds."""
        while self._to_ask:
            self.ask(self._to_ask.popleft())
        for key, events in self._selector.select(timeout):
            one = key.data
            if events & READ and self.get(key.fd) is one:
                wasyncore.read(one)
            if events & WRITE and self.get(key.fd) is one:
                wasyncore.write(one)
            self.ask(one)

    def ask(self, one: Any) -> None:
        """Wait for what a socket wants now, if it is still ours."""
        number = one._fileno  # noqa: SLF001
        if self.get(number) is not one:
            return
        self._being_asked = one
        wanted = _wanted(one)
        before = self._waits_for.get(number, 0)
        if wanted != before:
            if not before:
                self._selector.register(number, wanted, one)
            elif wanted:
                self._selector.modify(number, wanted, one)
            else:
                self._selector.unregister(number)
            self._waits_for[number] = wanted
        self._being_asked = None

    def close(self) -> None:
        wasyncore.close_all(self)
        self._selector.close()


def _wanted(one: Any) -> int:
    writes = one.writable() and not one.accepting
    return (READ if one.readable() else 0) | (WRITE if writes else 0)
