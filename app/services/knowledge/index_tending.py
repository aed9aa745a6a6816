import time
from collections.abc import Callable, Collection
from typing import Protocol

from app.services.knowledge.index_sync import IndexSync

EVERY = 60.0


class Assistants(Protocol):
    def knowledge_versions(self, assistant_ids: Collection[str]) -> dict[str, int]: ...


class Index(Protocol):
    def assistants(self) -> set[str]: ...


class Retrieval(Protocol):
    sync: IndexSync

    def remove_for_assistant(self, assistant_id: str) -> None: ...


class IndexTending:
    """Brings the index of this process to what has changed, before it is asked.

    What other processes delete does so not stay in it, and what they add does not
    keep a question waiting.
    """

    def __init__(
        self,
        *,
        assistants: Assistants,
        index: Index,
        retrieval: Retrieval,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._assistants = assistants
        self._index = index
        self._retrieval = retrieval
        self._monotonic = monotonic
        self._due = monotonic()

    def tend(self) -> None:
        """Do it for all, once a minute, in as many calls as it takes.

        An assistant with much to do ends a call: the next one, seconds later, goes on.
        Raises StorageFull, StoreUnavailable.
        """
        if self._monotonic() < self._due:
            return
        sync = self._retrieval.sync
        known = self._index.assistants() | sync.assistants()
        versions = self._assistants.knowledge_versions(known)
        for assistant_id in known - versions.keys():
            self._retrieval.remove_for_assistant(assistant_id)
        for assistant_id, version in versions.items():
            if not sync.start(assistant_id, version):
                return
        self._due = self._monotonic() + EVERY
