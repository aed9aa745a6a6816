"""What the OpenAI SDK makes of a key and an address: the head of our requests.

All requests of a client have the same head but for their length, so the SDK makes one
request, which goes nowhere, and its head serves for all. A head is made anew only with
a new client: key, address, and the environment that the SDK reads are fixed with it.

Importing this costs a tenth of a second and tens of megabytes: it is done at the
first call, not at the start of the process.
"""

import logging
import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import openai

from app.services.llm.connect import Route

COMPLETIONS = "/chat/completions"
_QUIET = {"X-Stainless-Retry-Count": openai.Omit()}
_OF_ONE_CALL = (b"content-length", b"idempotency-key")


class _Captured(httpx2.BaseTransport):
    """Keeps the request instead of sending it."""

    request: httpx2.Request

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(200)


def request_head(
    route: Route, *, api_key: str, base_url: str, path: str = COMPLETIONS
) -> bytes:
    """Return what a request starts with, up to its length's value.

    ``base_url`` may end in the path, as people copy it.

    Raises ``ValueError`` for what makes no request.
    """
    try:
        request = _request(api_key, base_url, path)
    except (openai.OpenAIError, httpx2.InvalidURL):
        raise ValueError("The key and the address make no request.") from None
    target = request.url.raw_path
    lines = [
        b"%b: %b" % (name, value)
        for name, value in request.headers.raw
        if name.lower() not in _OF_ONE_CALL
    ]
    if route.absolute:
        target = str(request.url.copy_with(userinfo=b"")).encode()
        if route.proxy and route.proxy.authorization:
            login = route.proxy.authorization.encode()
            lines.append(b"Proxy-Authorization: " + login)
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("A header holds a line end.")
    first = b"%b %b HTTP/1.1" % (request.method.encode(), target)
    return b"\r\n".join([first, *lines, b"Content-Length: "])


def system_tls() -> ssl.SSLContext:
    """Verify with the system's certificates, or those of ``SSL_CERT_FILE``."""
    context = httpx2.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(api_key: str, base_url: str, called: str) -> httpx2.Request:
    _silence()
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/").removesuffix(COMPLETIONS).removesuffix(called)
    query = dict(parse_qsl(parts.query))
    captured = _Captured()
    with openai.OpenAI(
        api_key=api_key,
        base_url=parts._replace(path=path, query="", fragment="").geturl(),
        default_query=query or None,  # such as Azure's api-version
        default_headers=_headers(api_key, query),
        max_retries=0,
        timeout=None,  # it would be told
        http_client=httpx2.Client(
            transport=captured,
            timeout=None,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        ),
    ) as client:
        client.post(
            called,
            cast_to=httpx2.Response,
            content=b"{}",
            options={"headers": _QUIET},
        )
    return captured.request


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
    """Keep the SDK's own log, which may quote addresses, quiet."""
    for name in ("openai", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
