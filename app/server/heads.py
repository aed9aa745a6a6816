"""How large a request's head may be, and what one that is larger is told.

What is no credential must be small. A credential may be as long as the whole head:
whoever sends a wrong one is told so, however long it is.
"""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus

from waitress.utilities import Error

from app.errors import AppError, HeadTooLarge, Unauthorized
from app.models.ids import new_id
from app.texts import text

log = logging.getLogger(__name__)

LARGEST_KB = 32
CREDENTIALS = ("AUTHORIZATION", "X_API_KEY")
CREDENTIAL = re.compile(rb"(authorization|x-api-key):", re.IGNORECASE)


class Refusal(Error):
    """An error of ours, told before the app has seen the request."""

    def __init__(self, error: type[AppError]) -> None:
        super().__init__(error.code)
        self.code = error.status
        self.retry_after = error.default_retry_after
        self.reason = HTTPStatus(error.status).phrase

    def to_response(
        self, _ident: str | None = None
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        request_id = new_id()
        log.info("request refused", extra={"code": self.body, "request_id": request_id})
        error = {
            "code": self.body,
            "message": text(f"error.{self.body}", limit=f"{LARGEST_KB} kB"),
            "request_id": request_id,
        }
        headers = [("Content-Type", "application/json"), ("X-Request-ID", request_id)]
        if self.code == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        return (
            f"{self.code} {self.reason}",
            headers,
            json.dumps({"error": error}).encode(),
        )


def is_too_large(head: bytes, headers: Mapping[str, str]) -> bool:
    """Tell whether what is no credential is; ``headers`` by their CGI names."""
    credentials = sum(len(headers.get(name, "")) for name in CREDENTIALS)
    return len(head) - credentials > LARGEST_KB * 1024


def refuse_unended(head: bytes) -> Refusal:
    """Say what is wrong with a head that has not ended where it must."""
    last_line = head[head.rfind(b"\r\n") + 2 :]
    return Refusal(Unauthorized if CREDENTIAL.match(last_line) else HeadTooLarge)
