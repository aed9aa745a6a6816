"""HTTP/1.1 answers as they come in (RFC 9112).

``http.client`` reads them as well, at several times the cost: it parses all headers
as a mail's, and reads line by line.
"""

import re

from app.http1.chunked import Chunks
from app.http1.connection import Broken, Call, Connection, Malformed

MOST_HEAD = 65_536
"""Bytes before the body, with those of interim answers."""
MOST_HEADERS = 100
MOST_DIGITS = 18  # of a length

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_FOLD = re.compile(r"\n[ \t]+")
_BODILESS = (204, 304)
_FINAL = 200
_SWITCHING = 101


class Response:
    """One answer; making it reads the head.

    Raises ``Malformed`` and the errors of ``Connection.receive``.
    """

    def __init__(self, connection: Connection, call: Call) -> None:
        self.connection = connection
        self.status = 0
        self.headers: dict[str, str] = {}
        self.whole = False
        """Nothing of the body is left to come."""
        self._call = call
        self._rest = b""  # received, but not yet made out
        self._persistent = False
        self._chunks: Chunks | None = None
        self._left: int | None = None  # of the body; None: until the connection ends
        self._begin()

    @property
    def reusable(self) -> bool:
        """Whether the connection may serve another call."""
        return self.whole and self._persistent and not self._rest

    def read(self) -> bytes:
        """Return what comes next of the body, as soon as it comes; at its end nothing.

        A body cut short raises ``Broken``.
        """
        while not self.whole:
            block, self._rest = self._rest, b""
            block = block or self.connection.receive(self._call)
            if not block:
                self._end()
            elif body := self._body(block):
                return body
        return b""

    def _begin(self) -> None:
        room = MOST_HEAD
        while self.status < _FINAL:
            head = self._head(room)
            room -= len(head)
            self._parse(head.decode("latin-1"))
        coding = self.headers.get("transfer-encoding", "identity").lower()
        length = self.headers.get("content-length")
        if coding == "chunked":
            self._chunks = Chunks()
            self._persistent = self._persistent and length is None
        elif coding != "identity":
            raise Malformed
        elif length is not None:
            if not (length.isascii() and length.isdigit()) or len(length) > MOST_DIGITS:
                raise Malformed
            self._left = int(length)
        self.whole = self.status in _BODILESS or self._left == 0

    def _head(self, room: int) -> bytes:
        head, looked = self._rest, 0
        while not (end := _HEAD_END.search(head, looked)):
            if not (head[:5] == b"HTTP/"[: len(head)] and len(head) <= room):
                raise Malformed
            looked = max(0, len(head) - 2)
            block = self.connection.receive(self._call)
            if not block:
                raise Broken(answered=self._call.started)
            head += block
        self._rest = head[end.end() :]
        return head[: end.start()].rstrip(b"\r")

    def _parse(self, head: str) -> None:
        head = _FOLD.sub(" ", head.replace("\r\n", "\n"))
        first, *lines = head.split("\n")
        status = _STATUS.fullmatch(first)
        if not status or status[2] == str(_SWITCHING) or len(lines) > MOST_HEADERS:
            raise Malformed
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            if not name or " " in name or len(name) == len(line):
                raise Malformed
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.status = int(status[2])
        self.headers = headers
        connection = headers.get("connection", "").lower()
        self._persistent = "close" not in connection and (
            status[1] == "1" or "keep-alive" in connection
        )

    def _body(self, block: bytes) -> bytes:
        chunks = self._chunks
        if chunks:
            block = chunks.feed(block)
            if chunks.ended:
                self.whole, self._rest = True, chunks.rest
        elif self._left is not None:
            block, self._rest = block[: self._left], block[self._left :]
            self._left -= len(block)
            self.whole = not self._left
        return block

    def _end(self) -> None:
        """The connection ended: some bodies end so."""
        if self._left or (self._chunks and not self._chunks.last):
            raise Broken(answered=True)
        self.whole, self._persistent = True, False
