"""Chunked bodies (RFC 9112, section 7.1)."""

import re

from app.http1.connection import Broken

MOST_CHUNK_HEAD = 4096
MOST_TRAILER = 65_536

_SIZE = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n"
_FIRST = re.compile(_SIZE)
_NEXT = re.compile(rb"\r?\n" + _SIZE)
_END = re.compile(rb"\n\r?\n")


class Chunks:
    """Takes the chunks' contents out of what is received.

    ``last``: the last chunk has come. ``ended``: the trailer as well. ``rest``: what
    came after it.
    """

    def __init__(self) -> None:
        self.last = False
        self.ended = False
        self.rest = b""
        self._head = _FIRST
        self._held = b""  # not yet a whole head or trailer
        self._left = 0  # of the current chunk

    def feed(self, block: bytes) -> bytes:
        """Return what of the body is in it; what are no chunks raises ``Broken``."""
        if self._held:
            block, self._held = self._held + block, b""
        if self.last:
            self._trailer(block)
            return b""
        bodies = []
        at = 0
        while True:
            if self._left:
                body = block[at : at + self._left]
                bodies.append(body)
                at += len(body)
                self._left -= len(body)
                if self._left:
                    break
            head = self._head.match(block, at)
            if head is None:
                self._hold(block[at:])
                break
            self._head = _NEXT
            at = head.end()
            self._left = int(head[1], 16)
            if not self._left:
                self.last = True
                self._trailer(block[at - 1 :])
                break
        return b"".join(bodies)

    def _hold(self, start: bytes) -> None:
        if start.find(b"\n", 2) >= 0 or len(start) > MOST_CHUNK_HEAD:
            raise Broken(answered=True)
        self._held = start

    def _trailer(self, block: bytes) -> None:
        """Skip it; ``block`` starts with the end of the line before it."""
        end = _END.search(block)
        if end:
            self.ended = True
            self.rest = block[end.end() :]
        elif len(block) > MOST_TRAILER:
            raise Broken(answered=True)
        else:
            self._held = block
