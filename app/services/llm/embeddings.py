"""Vectors of texts, from any OpenAI-compatible ``/embeddings``."""

import array
import logging
import math
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.errors import ProviderUnavailable

if TYPE_CHECKING:
    from openai import OpenAI

log = logging.getLogger(__name__)

BATCH = 64  # texts a request: within every provider's bound on their tokens
TRIES_AGAIN = 2
TIMEOUT = 30.0
LONGEST = 8_000  # characters: models read 8,192 tokens, or less


class OpenAIEmbedder:
    """Asks a model for vectors, a batch of texts at a time.

    One client a thread: one that is shared slows them all.
    """

    def __init__(
        self, *, model: str, api_key: str | None, base_url: str | None
    ) -> None:
        self.model = model
        self._api_key = api_key
        self._base_url = base_url
        self._own = threading.local()

    def embed(
        self, texts: Sequence[str], *, timeout: float = TIMEOUT, patient: bool = True
    ) -> list[bytes]:
        """Return a vector of length 1 for each text, as 32-bit floats.

        ``patient``: what may pass is tried again. Raises ProviderUnavailable.
        """
        found: list[bytes] = []
        for start in range(0, len(texts), BATCH):
            batch = [text[:LONGEST] for text in texts[start : start + BATCH]]
            found += self._ask(batch, timeout, TRIES_AGAIN if patient else 0)
        return found

    def _ask(self, texts: Sequence[str], timeout: float, again: int) -> list[bytes]:
        import openai  # noqa: PLC0415 - slow to load, and not everybody's

        try:
            client = self._client().with_options(timeout=timeout, max_retries=again)
            answer = client.embeddings.create(
                model=self.model, input=list(texts), encoding_format="float"
            )
            ordered = sorted(answer.data, key=lambda each: each.index)
            vectors = [normalized(each.embedding) for each in ordered]
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as exc:
            log.warning("no embeddings", extra={"reason": type(exc).__name__})
            raise ProviderUnavailable from exc
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            log.warning("no embeddings", extra={"reason": "not one for each text"})
            raise ProviderUnavailable
        return vectors

    def _client(self) -> "OpenAI":
        import openai  # noqa: PLC0415

        client: OpenAI | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = openai.OpenAI(
                api_key=self._api_key or "none", base_url=self._base_url
            )
        return client


def normalized(vector: Sequence[float]) -> bytes:
    """Return a vector at length 1, as little-endian 32-bit floats.

    Raises ValueError for one without a direction.
    """
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not vector or not length or not math.isfinite(length):
        raise ValueError("a vector without a direction")
    floats = array.array("f", [value / length for value in vector])
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()
