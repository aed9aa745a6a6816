"""Vectors of texts, from any OpenAI-compatible ``/embeddings``."""

import array
import contextlib
import json
import logging
import math
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any

from app.errors import ProviderRefused, ProviderUnavailable
from app.http1.connection import Call
from app.services.llm import failures
from app.services.llm.connect import route
from app.services.llm.failures import TROUBLE, StatusError
from app.services.llm.openai import NO_KEY, OPENAI
from app.services.llm.transport import Transport
from app.services.llm.waits import backoff, retry_after

log = logging.getLogger(__name__)

BATCH = 64  # texts a request: within every provider's bound on their tokens
TRIES_AGAIN = 2
TIMEOUT = 30.0
CONNECT = 5.0
LONGEST = 8_000  # characters: models read 8,192 tokens, or less
LARGEST = 16 * 1024 * 1024  # bytes of an answer: 64 vectors of 4,096 numbers have 6
BACKOFF, LONGEST_WAIT = 0.25, 10.0
PASSING = {408, 429}
SERVER_ERROR = 500


class NoVectors(Exception):
    """What came is no answer to what was asked."""


class OpenAIEmbedder:
    """Asks a model for vectors, a batch of texts at a time."""

    def __init__(
        self, *, model: str, api_key: str | None, base_url: str | None
    ) -> None:
        self.model = model
        self._api_key = (api_key or "").strip()
        self._base_url = (base_url or "").strip() or OPENAI
        self._lock = threading.Lock()
        self._transport: Transport | None = None

    def embed(
        self, texts: Sequence[str], *, timeout: float = TIMEOUT, patient: bool = True
    ) -> list[bytes]:
        """Return a vector of length 1 for each text, as 32-bit floats.

        ``patient``: what may pass is tried again. Raises ProviderUnavailable and
        ProviderRefused.
        """
        found: list[bytes] = []
        for start in range(0, len(texts), BATCH):
            batch = [text[:LONGEST] for text in texts[start : start + BATCH]]
            found += self._ask(batch, timeout, TRIES_AGAIN if patient else 0)
        return found

    def prepare(self) -> None:
        """Load the SDK now; otherwise the first question does, for half a second."""
        with contextlib.suppress(ProviderRefused):  # it is in the log
            self._load()

    def _ask(self, texts: Sequence[str], timeout: float, again: int) -> list[bytes]:
        tried = 0
        while True:
            wait = backoff(BACKOFF, tried)
            try:
                return vectors_in(self._post(texts, timeout), count=len(texts))
            except StatusError as exc:
                self._log(f"{exc.status} {exc.body}")
                if exc.status not in PASSING and exc.status < SERVER_ERROR:
                    raise ProviderRefused from exc
                wait = max(wait, retry_after(exc.headers) or 0.0)
                trouble: Exception = exc
            except (*TROUBLE, NoVectors) as exc:
                self._log(type(exc).__name__)
                trouble = exc
            if tried == again or wait > LONGEST_WAIT:
                raise ProviderUnavailable from trouble
            tried += 1
            time.sleep(wait)

    def _post(self, texts: Sequence[str], timeout: float) -> bytes:
        transport = self._transport or self._load()
        call = Call(
            deadline=time.monotonic() + timeout,
            connect_time=CONNECT,
            patience=timeout,
            max_bytes=LARGEST,
        )
        payload = {"model": self.model, "input": texts, "encoding_format": "float"}
        response = transport.post(payload, call)
        try:
            return b"".join(iter(response.read, b""))
        finally:
            transport.release(response)

    def _load(self) -> Transport:
        with self._lock:
            if self._transport is None:
                from app.services.llm import sdk  # noqa: PLC0415 - see there

                try:
                    way = route(self._base_url)
                    head = sdk.request_head(
                        way,
                        api_key=self._api_key or NO_KEY,
                        base_url=self._base_url,
                        path="/embeddings",
                    )
                except ValueError as exc:
                    self._log(exc)
                    raise ProviderRefused from None
                self._transport = Transport(way, head, tls=sdk.system_tls)
                weakref.finalize(self, self._transport.close)
            return self._transport

    def _log(self, detail: object) -> None:
        told = failures.printable(detail, self._api_key)
        log.warning("no embeddings", extra={"detail": told})


def vectors_in(answer: bytes, *, count: int) -> list[bytes]:
    """Return the vectors of an answer, in the order of what was asked.

    Raises NoVectors for an answer that does not hold so many, all as long.
    """
    try:
        data = json.loads(answer)["data"]
        numbered = [(each.get("index", n), each) for n, each in enumerate(data)]
        ordered = sorted(numbered, key=lambda each: each[0])
        vectors = [normalized(each["embedding"]) for _, each in ordered]
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as exc:
        raise NoVectors from exc
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1:
        raise NoVectors
    return vectors


def normalized(vector: Sequence[Any]) -> bytes:
    """Return a vector at length 1, as little-endian 32-bit floats.

    Raises ValueError for one without a direction, TypeError for one of no numbers.
    """
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not vector or not length or not math.isfinite(length):
        raise ValueError("a vector without a direction")
    floats = array.array("f", [value / length for value in vector])
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()
