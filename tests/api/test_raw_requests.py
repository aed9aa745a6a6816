"""Requests that honest clients do not send, at the server as it is really started."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.processes import ServerProcess, started
from tests.support.raw_http import RawAnswer, exchange

LOGIN = b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
TOO_LARGE = 64 * 1024
LARGER_THAN_READ = 300 * 1024
HIDDEN = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with started(folder, allowed_hosts="a,127.0.0.1") as made:
        yield made


@pytest.fixture(autouse=True)
def _the_same_process_goes_on(process: ServerProcess) -> Iterator[None]:
    yield
    assert process.process.poll() is None
    assert httpx2.get(f"{process.base_url}/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\n\x0bContent-Length: 5\r\n",
    ],
    ids=repr,
)
def test_a_body_whose_end_is_unclear_hides_no_request(
    process: ServerProcess, head: bytes
) -> None:
    """Nothing says that the connection is to close: it does so by itself."""
    answer = exchange(process, LOGIN + head + b"\r\n0\r\n\r\n" + HIDDEN)

    assert answer.status in {400, 411, 501}
    assert b"openapi" not in answer.body


def test_a_chunked_body_before_http_1_1_hides_no_request(
    process: ServerProcess,
) -> None:
    head = LOGIN.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n"
    body = b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    answer = exchange(process, head + body + HIDDEN)

    assert answer.status == 400
    assert b"openapi" not in answer.body


@pytest.mark.parametrize(
    "line",
    [
        b"X: a\rX-API-Key: b\r\n",
        b"X: a\nX-API-Key: b\r\n",
        b"X: a\x00b\r\n",
        b"X : a\r\n",
        b" X: a\r\n",
        b"no colon\r\n",
        b": no name\r\n",
        b"X\xff: a\r\n",
        b"X(): a\r\n",
        b"Host: b\r\n",
        b"X: a\r\n" * 200,
    ],
    ids=lambda line: repr(line[:24]),
)
def test_a_header_that_is_none_is_refused(process: ServerProcess, line: bytes) -> None:
    answer = exchange(process, GET + line + b"Connection: close\r\n\r\n")

    assert answer.status == 400


@pytest.mark.parametrize(
    "lines",
    [
        b"X: " + b"y" * TOO_LARGE + b"\r\n",
        b"X-" + b"y" * TOO_LARGE + b": y\r\n",
        b"X_Y: " + b"z" * TOO_LARGE + b"\r\n",
        b"Cookie: " + b"a=b; " * 15_000 + b"\r\n",
        b"X: " + b"y" * 20_000 + b"\r\nY: " + b"z" * 20_000 + b"\r\n",
        b"X-API-Keys: " + b"y" * TOO_LARGE + b"\r\n",
        b"Authorization: " + b"x" * 100_000 + b"\r\nX: " + b"y" * 40_000 + b"\r\n",
        b"X: " + b"y" * LARGER_THAN_READ + b"\r\n",
        b"X: y\r\n" * 50_000,
        b"Authorization: x\r\nX: " + b"y" * LARGER_THAN_READ + b"\r\n",
        b"X: Authorization:" + b"y" * LARGER_THAN_READ + b"\r\n",
        b"Content-Length: 5\r\nX: " + b"y" * TOO_LARGE + b"\r\n",
        b"Transfer-Encoding: chunked\r\nX: " + b"y" * TOO_LARGE + b"\r\n",
    ],
    ids=lambda lines: f"{lines[:20]!r} {len(lines)}",
)
def test_a_head_that_is_too_large_is_refused(
    process: ServerProcess, lines: bytes
) -> None:
    """Nothing says that the connection is to close: it does so by itself."""
    answer = exchange(process, GET + lines + b"\r\n" + HIDDEN)

    assert answer.status == 431
    assert_ours(answer, "head_too_large")
    assert b"openapi" not in answer.body


def test_an_address_that_is_too_large_is_refused(process: ServerProcess) -> None:
    line = b"GET /healthz?" + b"x" * TOO_LARGE + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    assert exchange(process, line).status == 431


def test_a_head_of_usual_size_is_read(process: ServerProcess) -> None:
    lines = b"X: " + b"y" * 30_000 + b"\r\nConnection: close\r\n\r\n"

    assert exchange(process, GET + lines).status == 200


@pytest.mark.parametrize("size", [100_000, 1024 * 1024])
@pytest.mark.parametrize(
    "name",
    [b"Authorization: Bearer ", b"authorization:", b"X-API-Key: ", b"x-api-key:"],
)
@pytest.mark.parametrize(
    "first", [b"GET /chats/list HTTP/1.1\r\n", b"POST /auth/logout HTTP/1.1\r\n"]
)
def test_a_credential_of_any_size_is_a_wrong_one(
    process: ServerProcess, first: bytes, name: bytes, size: int
) -> None:
    head = first + b"Host: a\r\nConnection: close\r\n" + name + b"x" * size

    answer = exchange(process, head + b"\r\n\r\n")

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert_ours(answer, "unauthorized")


def assert_ours(answer: RawAnswer, code: str) -> None:
    error = answer.json()["error"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "first",
    [
        b"GET /healthz HTTP/1.1 x",
        b"GET /healthz HTTP/9.9",
        b"GET /healthz",
        b"get /healthz HTTP/1.1",
        b"GET\t/healthz HTTP/1.1",
        b"GET /health z HTTP/1.1",
        b"GET  HTTP/1.1",
        b"\x00 /healthz HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0",
        b"CONNECT evil.example:443 HTTP/1.1",
    ],
    ids=repr,
)
def test_a_first_line_that_is_none_is_answered_below_500(
    process: ServerProcess, first: bytes
) -> None:
    answer = exchange(process, first + b"\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert answer.status < 500
    assert answer.body != b'{"status":"ok"}' or answer.status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"Host: evil.example\r\n",
        b"Host: a.evil.example\r\n",
        b"Host: evil.example\r\nX-Forwarded-Host: a\r\n",
        b"Host: evil.example\r\nForwarded: host=a\r\n",
        b"Host: \r\n",
        b"",
    ],
    ids=repr,
)
def test_a_host_that_is_not_ours_is_refused(
    process: ServerProcess, head: bytes
) -> None:
    request = b"GET /healthz HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n"

    assert exchange(process, request).status == 400


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "DEBUG", "PROPFIND", "CONNECT"])
def test_other_methods_are_refused(process: ServerProcess, method: str) -> None:
    answer: Any = httpx2.request(method, f"{process.base_url}/auth/me")

    assert answer.status_code == 405
