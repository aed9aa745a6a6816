"""HTTP answers byte by byte: heads, bodies, and what leaves a connection usable."""

import http.client
import io
import socket
import time
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.http1.chunked import Chunks
from app.http1.connection import Broken, Call, Connection, Malformed
from app.http1.response import Response

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def _read(raw: bytes) -> tuple[Response, bytes]:
    """Read the answer that comes on a connection which then ends."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.settimeout(5)
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        call = Call(
            deadline=time.monotonic() + 5,
            connect_time=1,
            patience=5,
            max_bytes=1_000_000,
        )
        response = Response(Connection(ours), call)
        body = b"".join(iter(response.read, b""))
        return response, body


@pytest.mark.parametrize(
    ("raw", "body", "reusable"),
    [
        (OK + b"Content-Length: 2\r\n\r\nhi", b"hi", True),
        (OK + b"content-LENGTH:2\r\n\r\nhi", b"hi", True),
        (OK + b"Content-Length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No\r\n\r\n", b"", True),
        (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", b"hi", True),
        (CHUNKED + b"1;a=b\r\nh\r\n01 \r\ni\r\n0\r\nX: 1\r\nY: 2\r\n\r\n", b"hi", True),
        (OK + b"X: 1\r\n  more\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
        (b"HTTP/1.1 200\nContent-Length: 2\n\nhi", b"hi", True),
        (b"HTTP/1.1 100 Go on\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", b"", True),
        (
            b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n" + CHUNKED + b"0\r\n\r\n",
            b"",
            True,
        ),
        (
            b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
            b"x",
            True,
        ),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x", False),
        (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx", b"x", False),
        (OK + b"Content-Length: 2\r\n\r\nhi, and more", b"hi", False),
        (CHUNKED + b"2\r\nhi\r\n0\r\n\r\nHTTP/1.1", b"hi", False),
        (CHUNKED + b"2\r\nhi\r\n0\r\n", b"hi", False),
        (OK + b"\r\nuntil the end", b"until the end", False),
        (
            OK + b"Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            b"",
            False,
        ),
    ],
)
def test_bodies_of_all_kinds_are_read(
    raw: bytes, body: bytes, *, reusable: bool
) -> None:
    response, read = _read(raw)
    assert read == body
    assert response.whole
    assert response.reusable is reusable


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"no header\r\n\r\n",
        OK + b": nameless\r\n\r\n",
        OK + b"Content-Length : 2\r\n\r\nhi",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        OK + b"Content-Length: -2\r\n\r\nhi",
        OK + b"Content-Length: 2 \xb2\r\n\r\nhi",
        OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nhi",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"X: 1\r\n" * 101 + b"\r\n",
        OK + b"X: " + b"x" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    ],
    ids=lambda raw: raw[:60].decode("latin-1").strip(),
)
def test_what_is_no_answer_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        _read(raw)


@pytest.mark.parametrize(
    ("raw", "answered"),
    [
        (b"", False),
        (b"HTT", True),
        (OK + b"Content-Le", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n", True),
        (OK + b"Content-Length: 5\r\n\r\nhi", True),
        (CHUNKED, True),
        (CHUNKED + b"5\r\nhi", True),
        (CHUNKED + b"2\r\nhi", True),
        (CHUNKED + b"2\r\nhi\r\n", True),
        (CHUNKED + b"no\r\n", True),
        (CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n", True),
        (CHUNKED + b"2\r\nhi0\r\n\r\n", True),
        (CHUNKED + b"1" * 5000, True),
        (CHUNKED + b"0\r\nX: " + b"x" * 70_000, True),
    ],
    ids=lambda value: str(value[-20:]) if isinstance(value, bytes) else "",
)
def test_an_answer_cut_short_is_broken(raw: bytes, *, answered: bool) -> None:
    with pytest.raises(Broken) as caught:
        _read(raw)
    assert caught.value.answered is answered


@settings(max_examples=300, deadline=None, database=None)
@given(
    parts=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    extension=st.sampled_from([b"", b";x", b' ; y="z"']),
    trailer=st.sampled_from([b"", b"X: 1\r\n", b"A: b\r\nC: d\r\n"]),
    cuts=st.lists(st.integers(0, 500), max_size=12),
    after=st.sampled_from([b"", b"HTTP"]),
)
def test_chunks_may_be_cut_anywhere(
    parts: list[bytes], extension: bytes, trailer: bytes, cuts: list[int], after: bytes
) -> None:
    framed = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts]
    raw = b"".join([*framed, b"0\r\n", trailer, b"\r\n"])
    edges = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
    chunks = Chunks()
    blocks = [raw[a:b] for a, b in pairwise(edges)]
    blocks[-1] += after
    assert b"".join([chunks.feed(block) for block in blocks]) == b"".join(parts)
    assert chunks.ended
    assert chunks.rest == after
    assert b"".join(parts) == _as_the_library_reads(CHUNKED + raw)


def _as_the_library_reads(raw: bytes) -> bytes:
    class Source:
        def makefile(self, _mode: str) -> io.BytesIO:
            return io.BytesIO(raw)

    response = http.client.HTTPResponse(Source())  # type: ignore[arg-type]
    response.begin()
    return response.read()


@pytest.mark.parametrize("head", [b"no\r\n", b"-1\r\n", b"\r\n2\r\n", b"2" * 5000])
def test_what_is_no_chunk_is_told_at_once(head: bytes) -> None:
    with pytest.raises(Broken):
        Chunks().feed(head)


def test_a_block_is_passed_on_before_the_next_one_comes() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(CHUNKED + b"5\r\nfirst\r\n6\r\nsec")
        call = Call(
            deadline=time.monotonic() + 5, connect_time=1, patience=5, max_bytes=1000
        )
        response = Response(Connection(ours), call)
        assert response.read() == b"firstsec"
        theirs.sendall(b"ond\r\n0\r\n\r\n")
        assert response.read() == b"ond"
        assert response.read() == b""
        assert response.reusable
