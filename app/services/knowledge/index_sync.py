"""Keeping the search index of this process to what the store says."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.errors import StorageFull, StoreUnavailable
from app.models.document import Chunk

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a question waits for what the index lacks; a thousand chunks each."""

FEW, PATIENCE_FOR_FEW = 3, 10.0
"""So many documents were added or replaced just now, and are asked about."""

_LOOK_EVERY = 1.0
_LONG = 0.5


class Chunks(Protocol):
    def list_for_document(self, document_id: str, revision: str) -> list[Chunk]: ...


class Documents(Protocol):
    def ready_keys(self, assistant_id: str) -> set[str]: ...
    def obsolete_keys(self, keys: Collection[str]) -> set[str]: ...


class Index(Protocol):
    """Searchable chunks by assistant and a document's ``search_key``."""

    def add(self, assistant_id: str, key: str, chunks: Sequence[Chunk]) -> None: ...
    def remove(self, assistant_id: str, keys: Collection[str]) -> None: ...
    def keys(self, assistant_id: str) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the index was found to hold, all of it: a knowledge version."""

    version: int
    documents: int


@dataclass(slots=True)
class _Filling:
    """Work on an assistant's index, in a thread of its own."""

    missing: list[str]
    obsolete: set[str]
    began: float
    ended: threading.Event = field(default_factory=threading.Event)
    failed: bool = False

    @property
    def waited_for_until(self) -> float:
        few = len(self.missing) <= FEW
        return self.began + (PATIENCE_FOR_FEW if few else PATIENCE)


class IndexSync:
    """Compares an assistant's index with the store, and fills it.

    A question waits for that 2 s at the most, counted from its beginning: while a
    lost index is filled, answers come of the documents that are in already. For a
    few it waits 10 s: one that has just been replaced is not found before.
    """

    def __init__(
        self,
        *,
        chunks: Chunks,
        documents: Documents,
        index: Index,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chunks = chunks
        self._documents = documents
        self._index = index
        self._monotonic = monotonic
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._adding = threading.Lock()
        self._comparing: dict[str, threading.Lock] = {}
        self._seen: dict[str, _Seen] = {}
        self._fillings: dict[str, _Filling] = {}

    def bring(self, assistant_id: str, version: int, *, again: bool = False) -> bool:
        """Bring the index to what is ready; say whether it was not.

        Once for each version; ``again``: even if that one was seen.
        """
        give_up = self._monotonic() + PATIENCE_FOR_FEW
        changed = False
        while again or not self._is_seen(assistant_id, version):
            filling, compared = self._filling(assistant_id, version, again=again)
            if filling is None:
                break
            changed = True
            again = again and not compared
            until = min(give_up, filling.waited_for_until)
            filling.ended.wait(max(0.0, until - self._monotonic()))
            if filling.failed or not filling.ended.is_set():
                break
        return changed

    def start(self, assistant_id: str, version: int) -> bool:
        """Begin to bring the index to what is ready; False where that takes long.

        It is not begun while that of another takes long.
        """
        if self._fillings:
            return False
        if self._is_seen(assistant_id, version):
            return True
        filling, _ = self._filling(assistant_id, version, again=False)
        return filling is None or filling.ended.wait(_LONG)

    def documents(self, assistant_id: str, version: int) -> int | None:
        """Return how many documents of that version are all in the index.

        None: it is not known that they are.
        """
        seen = self._seen.get(assistant_id)
        return seen.documents if seen and seen.version == version else None

    def assistants(self) -> set[str]:
        """Return those whose index has been brought to what was ready."""
        return set(self._seen)

    def forget(self, assistant_id: str) -> None:
        with self._lock:
            self._seen.pop(assistant_id, None)
            self._comparing.pop(assistant_id, None)

    def close(self) -> None:
        """End what is filled after the document that it is at."""
        self._stopping.set()
        for filling in list(self._fillings.values()):
            filling.ended.wait()

    def _filling(
        self, assistant_id: str, version: int, *, again: bool
    ) -> tuple[_Filling | None, bool]:
        """Return what is under way, None: nothing need be; and whether it is new."""
        with self._lock:
            lock = self._comparing.setdefault(assistant_id, threading.Lock())
        with lock:
            under_way = self._fillings.get(assistant_id)
            if under_way:
                return under_way, False
            if self._is_seen(assistant_id, version) and not again:
                return None, False
            try:
                return self._compared(assistant_id, version), True
            except (StorageFull, StoreUnavailable):
                log.warning("search index not brought up to date", exc_info=True)
                self._seen.pop(assistant_id, None)
                return None, True

    def _compared(self, assistant_id: str, version: int) -> _Filling | None:
        indexed = self._index.keys(assistant_id)
        ready = self._documents.ready_keys(assistant_id)
        # What is in the index and not ready may be about to become so: whoever
        # indexes a document adds it here first. What is obsolete stays so.
        obsolete = self._documents.obsolete_keys(indexed - ready)
        missing = sorted(ready - indexed)
        if not (missing or obsolete):
            self._seen[assistant_id] = _Seen(version, len(ready))
            return None
        filling = _Filling(missing, obsolete, self._monotonic())
        self._fillings[assistant_id] = filling
        threading.Thread(
            target=self._fill,
            args=(assistant_id, filling),
            name="index-filling",
            daemon=True,
        ).start()
        return filling

    def _fill(self, assistant_id: str, filling: _Filling) -> None:
        filling.failed = True
        try:
            self._add(assistant_id, filling.missing)
            self._index.remove(assistant_id, filling.obsolete)
            filling.failed = self._stopping.is_set()
        except (StorageFull, StoreUnavailable):
            log.warning("search index not brought up to date", exc_info=True)
        finally:
            del self._fillings[assistant_id]
            filling.ended.set()

    def _add(self, assistant_id: str, missing: Sequence[str]) -> None:
        present: set[str] = set()
        looked = self._monotonic()
        for key in missing:
            with self._adding:
                if self._stopping.is_set():
                    return
                if self._monotonic() - looked > _LOOK_EVERY:
                    # Another process may be filling the same file.
                    present = self._index.keys(assistant_id)
                    looked = self._monotonic()
                if key not in present:
                    document_id, revision, _ = key.split(":", 2)
                    found = self._chunks.list_for_document(document_id, revision)
                    self._index.add(assistant_id, key, found)

    def _is_seen(self, assistant_id: str, version: int) -> bool:
        return self.documents(assistant_id, version) is not None
