"""What texts mean, as vectors; where nobody can say, search goes by words alone."""

import logging
from collections.abc import Sequence
from typing import Protocol

from app.errors import ProviderError
from app.models.search import Embedding
from app.services.llm.breaker import Breaker

log = logging.getLogger(__name__)

QUESTION_TIMEOUT = 3.0
"""Seconds that a contact waits for it."""


class Embedder(Protocol):
    @property
    def model(self) -> str: ...
    def embed(
        self, texts: Sequence[str], *, timeout: float = 30, patient: bool = True
    ) -> list[bytes]: ...


class SuspendedEmbedder:
    """An embedder that is left alone for a while when it only fails."""

    def __init__(self, embedder: Embedder, breaker: Breaker) -> None:
        self.model = embedder.model
        self._embedder = embedder
        self._breaker = breaker

    def embed(
        self, texts: Sequence[str], *, timeout: float = 30, patient: bool = True
    ) -> list[bytes]:
        """Return a vector for each text. Raises ProviderError."""
        probe = self._breaker.enter()
        try:
            found = self._embedder.embed(texts, timeout=timeout, patient=patient)
        except ProviderError:
            self._breaker.failed(probe=probe)
            raise
        except BaseException:
            self._breaker.withdrawn(probe=probe)
            raise
        self._breaker.succeeded(probe=probe)
        return found


class Questions:
    """Makes vectors of questions, where that is possible."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, question: str) -> Embedding | None:
        """Return what a question means; None where that cannot be known now."""
        try:
            [vector] = self._embedder.embed(
                [question], timeout=QUESTION_TIMEOUT, patient=False
            )
        except ProviderError as exc:
            log.info("searched by words alone", extra={"code": exc.code})
            return None
        return Embedding(self._embedder.model, vector)
