"""Answers from any OpenAI-compatible server."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.errors import ProviderRefused, ProviderTimeout
from app.http1.connection import Broken, Call
from app.http1.response import Response
from app.services.llm import failures
from app.services.llm.answer import Answer, Garbage
from app.services.llm.breaker import Breaker
from app.services.llm.connect import route
from app.services.llm.failures import TROUBLE, Failure, StatusError
from app.services.llm.parameters import Shapes
from app.services.llm.port import Completion, CompletionRequest, Delta
from app.services.llm.tokens import estimate_tokens
from app.services.llm.transport import Transport
from app.services.llm.waits import backoff

OPENAI = "https://api.openai.com/v1"
NO_KEY = "no-key"  # local servers want some key, and take any
TOKENS_PER_MESSAGE = 4
REFUSING = (400, 422)  # a parameter, among other things
AFTER_THE_END = 1.0  # seconds to wait for usage when the text is whole
AFTER_DONE = 0.1  # seconds to wait for the body's end, to keep the connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one call: seconds and bytes.

    ``first_byte`` is how long the provider may think before text comes, ``gap`` how
    long it may stop afterwards; the request's deadline is above both.
    """

    connect: float = 5
    first_byte: float = 30
    gap: float = 15
    answer_bytes: int = 256 * 1024
    body_bytes: int = 64 * 1024 * 1024
    wait: float = 10
    backoff: float = 0.25


class _Lesson(Exception):
    """The provider refused a parameter; from now on it is not sent."""


class OpenAIProvider:
    """One upstream: its connections, its breaker, what its models take.

    Make one per base URL and keep it: what it learns lives as long as it does.
    """

    name = "openai"

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        limits: Limits | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._api_key = (api_key or "").strip()
        self._base_url = (base_url or "").strip() or OPENAI
        self._usable = self._api_key.isascii() and self._api_key.isprintable()
        if not self._api_key and self._base_url == OPENAI:
            self._usable = False
        self._limits = limits or Limits()
        self._breaker = breaker or Breaker()
        self._shapes = Shapes()
        self._lock = threading.Lock()
        self._transport: Transport | None = None

    def complete(self, request: CompletionRequest) -> Iterator[Delta | Completion]:
        """Yield deltas and then the completion; see ``Provider``.

        Nothing is asked twice once a delta was yielded. Closing the iterator closes
        the connection.
        """
        if not self._usable:
            log.warning("the provider's key is missing or malformed")
            raise ProviderRefused
        retries = 0
        while True:
            if time.monotonic() >= request.deadline:
                raise ProviderTimeout
            probe = self._breaker.enter()
            try:
                yield from self._judged(request, probe=probe)
            except _Lesson:
                continue
            except Failure as exc:
                failure = exc.with_traceback(None)
            else:
                return
            wait = self._wait_before_retry(failure, retries, request.deadline)
            log.warning(
                "provider failed",
                extra={
                    "code": failure.error.code,
                    "model": request.model,
                    "retried": wait is not None,
                    "detail": failures.printable(failure.detail, self._api_key),
                },
            )
            if wait is None:
                raise failure.error
            retries += 1
            time.sleep(wait)

    def prepare(self) -> None:
        """Load the SDK now; otherwise the first call does, for half a second."""
        self._load()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()

    def _judged(
        self, request: CompletionRequest, *, probe: bool
    ) -> Iterator[Delta | Completion]:
        """Try once, and tell the breaker how it went."""
        breaker = self._breaker
        report: Callable[..., None] | None = breaker.withdrawn
        try:
            for event in self._try(request):
                if report:
                    breaker.succeeded(probe=probe)
                    report = None
                yield event
        except Failure as exc:
            if report and exc.blame is not None:
                report = breaker.failed if exc.blame else breaker.succeeded
            raise
        except _Lesson:
            report = breaker.succeeded
            raise
        finally:
            if report:
                report(probe=probe)

    def _try(self, request: CompletionRequest) -> Iterator[Delta | Completion]:
        limits = self._limits
        call = Call(
            deadline=request.deadline,
            connect_time=limits.connect,
            patience=limits.first_byte,
            max_bytes=limits.body_bytes,
        )
        answer = Answer(limit=limits.answer_bytes)
        shape = self._shapes.of(request.model)
        sent = shape.payload(request)
        try:
            transport = self._transport or self._load()
            response = transport.post(sent, call)
            try:
                yield from self._deltas(response, answer, call)
            finally:
                transport.release(response)
        except StatusError as exc:
            if exc.status in REFUSING and self._shapes.learn(
                request.model, shape, exc.body, sent
            ):
                raise _Lesson from None
            raise failures.of_status(exc) from None
        except TROUBLE as exc:
            if not answer.whole:
                raise failures.of_trouble(exc, answer) from None
        if not answer.started:
            raise failures.of_trouble(Garbage(), answer)
        yield _completion(request, answer)

    def _deltas(
        self, response: Response, answer: Answer, call: Call
    ) -> Iterator[Delta]:
        while True:
            block = response.read()
            if piece := answer.feed(block):
                yield Delta(text=piece)
            if answer.trouble:
                raise answer.trouble
            if answer.done or not block:
                break
            if answer.finished:
                call.patience = AFTER_THE_END
            elif answer.started:
                call.patience = self._limits.gap
        if not answer.whole:
            raise Broken(answered=True)
        call.patience = AFTER_DONE
        response.read()

    def _wait_before_retry(
        self, failure: Failure, retries: int, deadline: float
    ) -> float | None:
        """Return the seconds until the next try; None: there is none."""
        if retries >= failure.retries or self._breaker.is_open:
            return None
        wait = backoff(self._limits.backoff, retries)
        if failure.wait is not None:
            wait = failure.wait + backoff(self._limits.backoff, 0) / 2
        left = deadline - time.monotonic()
        return wait if wait <= min(self._limits.wait, left / 2) else None

    def _load(self) -> Transport:
        with self._lock:
            if self._transport is None:
                from app.services.llm import sdk  # noqa: PLC0415 - see there

                url = self._base_url
                try:
                    way = route(url)
                    head = sdk.request_head(
                        way, api_key=self._api_key or NO_KEY, base_url=url
                    )
                except ValueError as exc:
                    raise Failure(ProviderRefused(), detail=exc) from None
                self._transport = Transport(way, head, tls=sdk.system_tls)
                weakref.finalize(self, self._transport.close)
            return self._transport


def _completion(request: CompletionRequest, answer: Answer) -> Completion:
    tokens_in = answer.tokens("prompt_tokens")
    tokens_out = answer.tokens("completion_tokens")
    estimated = tokens_in is None or tokens_out is None
    if tokens_in is None:
        tokens_in = sum(
            TOKENS_PER_MESSAGE + estimate_tokens(message.text)
            for message in request.messages
        )
    if tokens_out is None:
        tokens_out = estimate_tokens(answer.text)
    return Completion(
        model=answer.model or request.model,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        estimated=estimated,
    )
