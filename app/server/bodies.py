"""Bodies of requests that have come, or are coming: how much there is of them."""

from typing import Protocol
from weakref import WeakSet


class Receiving(Protocol):
    body_bytes_received: int


class Bodies:
    """So many bytes of bodies in temporary files, whoever sends them, and no more.

    ``in_memory`` are the bytes of a body that take no file. It belongs to one thread.
    """

    def __init__(self, *, most: int, in_memory: int) -> None:
        self._most = most
        self._in_memory = in_memory
        self._present: WeakSet[Receiving] = WeakSet()

    def have_room(self, body: Receiving, before: int) -> bool:
        """Tell whether a body may be as large as it is; it had ``before`` bytes."""
        if body.body_bytes_received // self._in_memory == before // self._in_memory:
            return True  # the others are not counted at every piece that comes
        self._present.add(body)
        return sum(each.body_bytes_received for each in self._present) <= self._most
