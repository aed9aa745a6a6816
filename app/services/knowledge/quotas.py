"""How much the documents of one assistant may take together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.errors import DocumentQuotaExceeded, TooManyDocuments

MEGABYTE = 1024 * 1024
LOCKS = 64


class Documents(Protocol):
    def sizes(self, assistant_id: str) -> list[int]: ...


class DocumentQuota:
    """What an assistant's documents may take, in files and in bytes.

    Records are counted after one was added, and it is withdrawn if that was one too
    many: so no two processes can take the last place both. In one process additions
    wait for each other, or two could withdraw where there is room for one.
    """

    def __init__(self, *, documents: Documents, files: int, megabytes: int) -> None:
        self._documents = documents
        self._files = files
        self._megabytes = megabytes
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    @contextmanager
    def alone(self, assistant_id: str) -> Iterator[None]:
        """Let nobody else in this process change how much there is."""
        with self._locks[hash(assistant_id) % LOCKS]:
            yield

    def check_added(self, assistant_id: str) -> None:
        """Raises DocumentQuotaExceeded when there is too much."""
        sizes = self._documents.sizes(assistant_id)
        if len(sizes) > self._files:
            raise TooManyDocuments(limit=self._files)
        self._check_size(sum(sizes))

    def check_growing(self, assistant_id: str, by: int) -> None:
        """Raises DocumentQuotaExceeded when so many bytes more are too many."""
        if by > 0:
            self._check_size(sum(self._documents.sizes(assistant_id)) + by)

    def _check_size(self, size: int) -> None:
        if size > self._megabytes * MEGABYTE:
            raise DocumentQuotaExceeded(limit=f"{self._megabytes} MB")
