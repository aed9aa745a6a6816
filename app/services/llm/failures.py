"""What went wrong upstream, and what is to be done about it."""

import http.client
import math
import re

from app.errors import (
    ProviderError,
    ProviderInterrupted,
    ProviderInvalidAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from app.http1 import connection
from app.services.llm.answer import Answer, ErrorInAnswer, Flood, Garbage
from app.services.llm.waits import retry_after

DETAIL_LENGTH = 200
TROUBLE = (
    connection.TimedOut,
    connection.Unreachable,
    connection.Broken,
    connection.Malformed,
    connection.Overlong,
    Garbage,
    Flood,
    ErrorInAnswer,
)

_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)[-_]\S+|\bbearer\s+\S+|[\w\-*.+/=]{20,}", re.IGNORECASE
)


class StatusError(Exception):
    """The provider answered with an error; ``body`` is parsed if it is JSON."""

    def __init__(self, status: int, headers: dict[str, str], body: object) -> None:
        super().__init__()
        self.status = status
        self.headers = headers
        self.body = body


class Failure(Exception):
    """One try that failed.

    ``retries``: up to which number of retries another one may help. ``wait``: the
    seconds that the provider asks for. ``blame``: whether the upstream is to be
    blamed for it; None: that is not clear.
    """

    def __init__(
        self,
        error: ProviderError,
        *,
        retries: int = 0,
        wait: float | None = None,
        blame: bool | None = None,
        detail: object = None,
    ) -> None:
        super().__init__()
        self.error = error
        self.retries = retries
        self.wait = wait
        self.blame = blame
        self.detail = detail


def of_status(error: StatusError) -> Failure:
    status = error.status
    wait = retry_after(error.headers)
    whole = None if wait is None else math.ceil(wait)
    detail = f"{status} {_message(error.body)}"
    if status == http.client.TOO_MANY_REQUESTS:
        return Failure(
            ProviderRateLimited(retry_after=whole),
            retries=0 if wait is None else 2,
            wait=wait,
            blame=False,
            detail=detail,
        )
    if status >= http.client.INTERNAL_SERVER_ERROR or status == 408:  # noqa: PLR2004
        unavailable = ProviderUnavailable(retry_after=whole)
        return Failure(unavailable, retries=2, wait=wait, blame=True, detail=detail)
    return Failure(ProviderRefused(), blame=False, detail=detail)


def of_trouble(trouble: Exception, answer: Answer) -> Failure:
    """Judge what ended the answer before it was whole."""
    detail = type(trouble).__name__
    if isinstance(trouble, connection.TimedOut):
        return Failure(ProviderTimeout(), blame=True, detail=detail)
    if isinstance(trouble, connection.Unreachable):
        return Failure(ProviderUnavailable(), retries=2, blame=True, detail=detail)
    garbage = isinstance(trouble, Garbage | connection.Malformed)
    if answer.started and not garbage:
        return Failure(ProviderInterrupted(), detail=detail)
    if isinstance(trouble, ErrorInAnswer):
        return _of_error(trouble.error)
    if isinstance(trouble, connection.Broken):
        error = ProviderInterrupted() if trouble.answered else ProviderUnavailable()
        return Failure(error, retries=1, blame=True, detail=detail)
    return Failure(ProviderInvalidAnswer(), detail=detail)


def printable(detail: object, api_key: str) -> str:
    """Return what the log may hold of a provider's words."""
    text = " ".join(str(detail).split())
    if api_key:
        text = text.replace(api_key, "…")
    return _KEY_LIKE.sub("…", text[: DETAIL_LENGTH * 10])[:DETAIL_LENGTH]


def _of_error(error: object) -> Failure:
    """Judge an error that came with status 200."""
    named = error if isinstance(error, dict) else {}
    kind = f"{named.get('type')} {named.get('code')}"
    code = named.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None  # noqa: PLR2004
    if status is None and "rate_limit" in kind:
        status = 429
    if status is None and "invalid_request" in kind:
        status = 400
    return of_status(StatusError(status or 502, {}, error))


def _message(body: object) -> object:
    if isinstance(body, dict):
        body = body.get("error", body)
    if isinstance(body, dict):
        body = body.get("message", "")
    return body or ""
