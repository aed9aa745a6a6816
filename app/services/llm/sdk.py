"""The OpenAI SDK, used lean: its low-level ``post``, our transport, no retries.

Importing this costs a tenth of a second and tens of megabytes: it is done at the
first call, not at the start of the process.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx2
import openai

from app.services.llm.connection import Call, Malformed, Unreachable
from app.services.llm.failures import StatusError
from app.services.llm.transport import Transport

_QUIET = {"X-Stainless-Retry-Count": openai.Omit()}


class Sdk:
    """One client for all threads: our transport has no pool to collapse under them."""

    def __init__(self, *, api_key: str, base_url: str) -> None:
        _silence()
        parts = urlsplit(base_url)
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        query = dict(parse_qsl(parts.query))
        self._transport = Transport(base_url)
        self._client = openai.OpenAI(
            api_key=api_key,
            base_url=parts._replace(path=path, query="", fragment="").geturl(),
            default_query=query or None,  # such as Azure's api-version
            default_headers=_headers(api_key, query),
            max_retries=0,
            timeout=None,  # the transport has better ones
            http_client=httpx2.Client(
                transport=self._transport,
                timeout=None,
                trust_env=False,
                headers={"Accept-Encoding": "identity"},
            ),
        )

    @contextmanager
    def post(self, payload: dict[str, Any], call: Call) -> Iterator[Iterator[bytes]]:
        """Ask for a completion and give the bytes of the answer.

        Raises ``StatusError`` and the errors of ``connection``.
        """
        data = json.dumps(payload, ensure_ascii=False).encode(errors="replace")
        self._transport.begin(call)
        try:
            answer = self._client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=data,
                options={"headers": _QUIET},
                stream=True,
                stream_cls=openai.Stream[object],
            )
        except openai.APIStatusError as exc:
            headers = dict(exc.response.headers)
            raise StatusError(exc.status_code, headers, exc.body) from None
        except openai.OpenAIError:
            raise Unreachable from None
        response = cast("httpx2.Response", answer)  # as ``cast_to`` says
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Malformed
            yield iter(cast("Iterable[bytes]", response.stream))
        finally:
            response.close()

    def close(self) -> None:
        self._transport.close()


def _headers(api_key: str, query: dict[str, str]) -> dict[str, Any]:
    """Return our headers; what tells of our machine is left out."""
    omitted: dict[str, Any] = {
        f"X-Stainless-{name}": openai.Omit()
        for name in (
            *("Lang", "Package-Version", "OS", "Arch"),
            *("Runtime", "Runtime-Version", "Async"),
        )
    }
    if "api-version" in query:
        omitted["api-key"] = api_key  # Azure's own header
    return omitted


def _silence() -> None:
    """Keep the SDK's own log, which may quote contents and addresses, quiet."""
    for name in ("openai", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
