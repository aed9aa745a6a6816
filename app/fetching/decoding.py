"""Bodies decoded piece by piece, so that a small one cannot grow without bound."""

import io
import zlib

from app.http1.connection import Broken, Malformed, Overlong

ENCODINGS = "gzip, deflate"
_ENCODED = frozenset({"gzip", "x-gzip", "deflate"})
_PLAIN = frozenset({"", "identity"})
_EITHER = 32 + zlib.MAX_WBITS  # zlib finds out which of the two it is
_STEP = 65_536


class UnknownEncoding(Exception):
    """The body has an encoding that we did not ask for."""


class Body:
    """Gathers a body of at most ``most_bytes`` decoded bytes.

    Raises ``UnknownEncoding``.
    """

    def __init__(self, encoding: str, most_bytes: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in _ENCODED | _PLAIN:
            raise UnknownEncoding
        self._encoded = encoding in _ENCODED
        self._room = most_bytes
        self._data = io.BytesIO()
        self._member = zlib.decompressobj(_EITHER)
        self._within = False  # a member has begun and not ended

    def add(self, block: bytes) -> None:
        """Raises ``Overlong``, and ``Malformed`` for what is not so encoded."""
        if not self._encoded:
            self._keep(block)
            return
        try:
            self._decode(block)
        except zlib.error:
            raise Malformed from None

    def whole(self) -> bytes:
        """Return all of it; a body cut short raises ``Broken``."""
        if self._within:
            raise Broken(answered=True)
        return self._data.getvalue()

    def _decode(self, block: bytes) -> None:
        while block:
            self._within = True
            block = self._decoded(block)
            if self._member.eof:
                block = self._member.unused_data.lstrip(b"\0")  # padding
                self._member = zlib.decompressobj(_EITHER)
                self._within = False

    def _decoded(self, block: bytes) -> bytes:
        """Keep what ``block`` gives, a step at a time; return what is left of it."""
        piece = self._member.decompress(block, _STEP)
        self._keep(piece)
        while len(piece) == _STEP and not self._member.eof:
            piece = self._member.decompress(self._member.unconsumed_tail, _STEP)
            self._keep(piece)
        return self._member.unconsumed_tail

    def _keep(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise Overlong
        self._data.write(piece)
