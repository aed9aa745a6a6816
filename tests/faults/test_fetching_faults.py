"""Hosts that send too much, too slowly, too little, or something else."""

import gzip
import itertools
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import AddressTooLarge, AddressUnreadable, AppError
from app.fetching.addresses import AddressGuard
from app.fetching.fetch import Fetcher
from app.http1.connection import Call
from tests.support.fetched import (
    GOOD,
    MB,
    WITHIN,
    Page,
    Site,
    answer,
    leading_to,
    read,
    reader,
)
from tests.support.waiting import until

DESCRIPTORS = Path("/proc/self/fd")
GZIPPED = "Content-Encoding: gzip"
CHUNKED = "Transfer-Encoding: chunked"
GIGABYTE = 1024 * MB
LIMIT = 20 * MB
BLOCK = bytes(MB)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(GOOD) as site:
        yield site


def endless(start: bytes, block: bytes) -> Callable[[socket.socket], None]:
    """Send on and on, until the reader leaves."""

    def page(client: socket.socket) -> None:
        client.sendall(start)
        while True:
            client.sendall(block)

    return page


def dripping(start: bytes) -> Callable[[socket.socket], None]:
    """Send one byte every 0.05 s, until the reader leaves."""

    def page(client: socket.socket) -> None:
        client.sendall(start)
        pause = threading.Event()
        for _ in range(200):
            client.sendall(b"1")
            pause.wait(0.05)

    return page


def silent(client: socket.socket) -> None:
    client.recv(1)  # nothing comes, until the reader leaves


def cut(start: bytes) -> Callable[[socket.socket], None]:
    def page(client: socket.socket) -> None:
        client.sendall(start)

    return page


def bomb() -> tuple[bytes, bytes]:
    """Return the start of a gzip body and a block that repeats: 16 MB of zeros each."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(16 * MB)
    start, *blocks = (
        packing.compress(zeros) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(3)
    )
    assert blocks[0] == blocks[1]
    return start, blocks[0]


def tell_length(length: int, *headers: str) -> bytes:
    return answer(b"", *headers, f"Content-Length: {length}", length=False)


def open_ended(*headers: str) -> bytes:
    return answer(b"", *headers, length=False)


def failure(url: str, seconds: float = WITHIN, most_bytes: int = LIMIT) -> AppError:
    with pytest.raises(AppError) as failed:
        read(url, seconds=seconds, most_bytes=most_bytes)
    return failed.value


@pytest.mark.parametrize(
    "page",
    [
        endless(tell_length(GIGABYTE), BLOCK),
        endless(open_ended(), BLOCK),
        endless(open_ended(CHUNKED), b"100000\r\n" + BLOCK + b"\r\n"),
        endless(open_ended(CHUNKED), b"1;" + b"a" * 4000 + b"\r\na\r\n"),
    ],
    ids=["told", "to the end", "chunked", "large chunk heads"],
)
def test_a_body_without_end_is_left_at_the_limit(site: Site, page: Page) -> None:
    site.pages["/"] = page
    tracemalloc.start()

    failed = failure(site.url())

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(failed, AddressTooLarge)
    assert failed.status == 413
    assert failed.details == {"limit": "20 MB"}
    assert most < 50 * MB


def test_a_length_above_the_limit_is_believed_at_once(site: Site) -> None:
    def page(client: socket.socket) -> None:
        client.sendall(tell_length(LIMIT + 1))
        client.recv(1)

    site.pages["/"] = page

    assert isinstance(failure(site.url()), AddressTooLarge)


def test_chunks_that_are_mostly_heads_count_with_their_heads(site: Site) -> None:
    site.pages["/"] = endless(open_ended(CHUNKED), b"1\r\na\r\n" * 1000)

    assert isinstance(failure(site.url(), most_bytes=MB // 4), AddressTooLarge)


@pytest.mark.parametrize("coding", [(), (CHUNKED,)], ids=["to the end", "chunked"])
def test_a_body_that_unpacks_without_end_is_left_at_the_limit(
    site: Site, coding: tuple[str, ...]
) -> None:
    start, block = bomb()
    if coding:
        start, block = (b"%x\r\n%b\r\n" % (len(part), part) for part in (start, block))
    site.pages["/"] = endless(open_ended(GZIPPED, *coding) + start, block)
    tracemalloc.start()

    failed = failure(site.url())

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(failed, AddressTooLarge)
    assert most < 50 * MB


def test_a_body_within_a_body_is_unpacked_once(site: Site) -> None:
    inner = gzip.compress(BLOCK, mtime=0)
    site.pages["/"] = answer(gzip.compress(inner, mtime=0), GZIPPED)

    assert read(site.url()).data == inner


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_the_limit_itself_is_allowed(site: Site, size: int) -> None:
    body = bytes(size)
    site.pages["/plain"] = answer(body)
    site.pages["/packed"] = answer(gzip.compress(body, 1, mtime=0), GZIPPED)

    for path in ("/plain", "/packed"):
        if size > LIMIT:
            assert isinstance(failure(site.url(path)), AddressTooLarge)
        else:
            found = read(site.url(path), most_bytes=LIMIT)
            assert len(found.data) == size


@pytest.mark.parametrize(
    "page",
    [
        silent,
        dripping(b"HTTP/1.1 200 OK\r\nX: "),
        dripping(tell_length(GIGABYTE // 100)),
        dripping(open_ended()),
        dripping(open_ended(CHUNKED) + b"1"),
        dripping(open_ended(GZIPPED) + b"\x1f\x8b\x08\x08\0\0\0\0\0\3"),
    ],
    ids=["silent", "head", "told", "to the end", "chunk head", "packed"],
)
def test_a_body_that_takes_too_long_is_left(site: Site, page: Page) -> None:
    site.pages["/"] = page

    failed = failure(site.url(), seconds=0.4)

    assert isinstance(failed, AddressUnreadable)
    assert failed.details["reason"] == "reason.address_timeout"


def test_a_silent_handshake_is_left() -> None:
    with socket.create_server((GOOD, 0)) as server:
        url = f"https://{GOOD}:{server.getsockname()[1]}/"

        failed = failure(url, seconds=0.4)

    assert failed.details["reason"] == "reason.address_timeout"


def test_redirects_share_one_deadline(site: Site) -> None:
    def late(client: socket.socket) -> None:
        threading.Event().wait(0.3)
        client.sendall(leading_to("/"))

    site.pages["/"] = late

    failed = failure(site.url(), seconds=0.5)

    assert failed.details["reason"] == "reason.address_timeout"


def test_a_name_server_that_hangs_is_left() -> None:
    answered = threading.Event()

    def hanging(_host: str, call: Call) -> list[object]:
        answered.wait(call.wait(60))
        call.wait(60)
        return []

    guard = AddressGuard(resolver=hanging)  # type: ignore[arg-type]
    with pytest.raises(AddressUnreadable) as failed:
        read("http://slow.example.com/", Fetcher(guard=guard), seconds=0.1)

    assert failed.value.details["reason"] == "reason.address_timeout"


def test_nobody_there_is_told() -> None:
    with Site(GOOD) as gone:
        url = gone.url()

    assert failure(url).details["reason"] == "reason.address_unreachable"
    assert failure(url.replace("http:", "https:")).details["reason"] == (
        "reason.address_unreachable"
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "broken"),
        (b"HTTP/1.1 200 O", "broken"),
        (tell_length(10) + b"half", "broken"),
        (open_ended(CHUNKED) + b"a\r\nhalf", "broken"),
        (open_ended(CHUNKED) + b"xyz\r\n", "broken"),
        (answer(gzip.compress(b"a" * 999, mtime=0)[:-9], GZIPPED), "broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
        (b"<html>", "malformed"),
        (answer(b"", "X: y") .replace(b"X: y", b"no colon"), "malformed"),
        (answer(b"", "Content-Length: -1", length=False), "malformed"),
        (answer(b"no gzip", GZIPPED), "malformed"),
        (answer(gzip.compress(b"a", mtime=0) + b"rest", GZIPPED), "malformed"),
        (answer(b"x", "Content-Encoding: br"), "encoding"),
        (answer(b"x", "Content-Encoding: gzip, gzip"), "encoding"),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_told(site: Site, sent: bytes, reason: str) -> None:
    site.pages["/"] = cut(sent)

    assert failure(site.url()).details["reason"] == f"reason.address_{reason}"


def test_a_plain_host_asked_for_tls_is_told(site: Site) -> None:
    url = site.url().replace("http:", "https:")

    assert failure(url).details["reason"] == "reason.address_unreachable"


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts in /proc")
def test_a_hundred_bad_answers_leave_no_descriptor(site: Site) -> None:
    site.pages |= {
        "/fine": answer(b"x"),
        "/cut": tell_length(10),
        "/large": tell_length(GIGABYTE),
        "/away": leading_to("http://127.0.0.1/"),
        "/missing": answer(b"", status="404 No"),
    }
    fetcher = reader()
    before = len(list(DESCRIPTORS.iterdir()))

    for path in itertools.islice(itertools.cycle(site.pages), 100):
        with suppress(AppError):
            read(site.url(path), fetcher)

    until(lambda: len(list(DESCRIPTORS.iterdir())) <= before)
