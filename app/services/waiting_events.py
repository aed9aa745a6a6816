from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from app.models.event import ChatEvent, DocumentsEvent, Event

Numbered = tuple[str, int, Event]


class WaitingEvents:
    """What a subscriber has not taken yet, in the order in which it came.

    A document that several events name is told with the last of them alone: its
    contents are read when it is told.
    """

    def __init__(self) -> None:
        self._items: deque[Numbered] = deque()
        self._last_of: dict[str, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def append(self, item: Numbered) -> None:
        self._items.append(item)
        for document_id in _documents(item):
            self._last_of[document_id] = item[:2]

    def prepend(self, missed: Sequence[Numbered]) -> None:
        """Put these before the others, without those that name nothing of their own."""
        for item in reversed(missed):
            documents = _documents(item)
            named = [name for name in documents if name not in self._last_of]
            if named or not documents:  # the latter is a chat's
                self._items.appendleft(item)
            for document_id in named:
                self._last_of[document_id] = item[:2]

    def pop(self) -> Numbered:
        """Return the first that is to be told; there has to be one."""
        while True:
            item = self._items.popleft()
            process, number, event = item
            if isinstance(event, ChatEvent):
                return item
            place, named = (process, number), event.document_ids
            last = tuple(name for name in named if self._last_of[name] == place)
            for name in last:
                del self._last_of[name]
            if last == named:
                return item
            if last:
                return process, number, replace(event, document_ids=last)

    def clear(self) -> None:
        self._items.clear()
        self._last_of.clear()


def _documents(item: Numbered) -> tuple[str, ...]:
    event = item[2]
    return event.document_ids if isinstance(event, DocumentsEvent) else ()
