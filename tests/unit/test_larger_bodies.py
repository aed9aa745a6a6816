"""A path that takes larger bodies than the others, and takes them alone."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.server.http_server import HttpServer
from tests.support.http_server import LARGEST_BODY, connect, echo, read_to_end, serving

LARGER = 3 * LARGEST_BODY


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with serving(echo, larger_bodies={"/import": LARGER}) as made:
        yield made


def answer(server: HttpServer, request: bytes) -> bytes:
    with connect(server.port) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return read_to_end(connection)


def post(target: str, size: int, *, chunked: bool, whole: bool) -> bytes:
    """Return a request with a body of that size, or with none of it sent."""
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if chunked:
        parts = f"{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode()
        return parts + b"x" * size + b"\r\n0\r\n\r\n"
    announced = f"{head}Content-Length: {size}\r\n\r\n".encode()
    return announced + (b"x" * size if whole else b"")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("target", "size", "status"),
    [
        ("/import", LARGER - 10_000, b"200"),
        ("/import?name=x", LARGER - 10_000, b"200"),
        ("/import", LARGER + 1, b"413"),
        ("/", LARGEST_BODY + 1, b"413"),
        ("/import/", LARGEST_BODY + 1, b"413"),
        ("/x/import", LARGEST_BODY + 1, b"413"),
    ],
)
def test_each_path_has_its_bound(
    server: HttpServer, target: str, size: int, status: bytes, *, chunked: bool
) -> None:
    request = post(target, size, chunked=chunked, whole=status == b"200")

    assert answer(server, request).split()[1] == status


def test_the_next_request_of_a_connection_has_its_own_bound(
    server: HttpServer,
) -> None:
    first = "POST /import HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    then = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGER - 1}\r\n\r\n"

    answers = answer(server, (first + then).encode())

    assert answers.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 413 " in answers
