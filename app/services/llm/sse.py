"""Server-sent events out of the bytes of a body."""

from collections.abc import Iterable, Iterator

_KNOWN = (b"event", b"id", b"retry", b"")


class NoEvents(Exception):
    """The body is no event stream at all."""


class TooLong(Exception):
    """One event is longer than we read; ``start`` is what came of it."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start


def data_of_events(
    chunks: Iterable[bytes], *, limit: int
) -> Iterator[tuple[bytes, bool]]:
    """Yield each event's data, and whether its end came as well."""
    data: list[bytes] = []
    size = 0
    seen = strange = False
    for line in _lines(chunks, limit):
        if not line:
            if data:
                yield data[0] if len(data) == 1 else b"\n".join(data), True
                data, size = [], 0
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            seen = True
            data.append(value.removeprefix(b" "))
            size += len(value)
            if size > limit:
                raise TooLong(b"\n".join(data))
        elif name in _KNOWN:
            seen = True
        else:
            strange = True
    if data:
        yield b"\n".join(data), False
    if strange and not seen:
        raise NoEvents


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield lines, whatever ends them: LF, CRLF or CR."""
    rest = bytearray()
    after_cr = False
    first = True
    for received in chunks:
        chunk = received
        if after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        after_cr = received[-1:] == b"\r" or (after_cr and not received)
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        rest += chunk
        if b"\n" in chunk:
            if first:
                first = False
                rest = rest.removeprefix(b"\xef\xbb\xbf")
            *whole, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            yield from whole
        if len(rest) > limit:
            raise TooLong(bytes(rest).removeprefix(b"data:"))
    if rest:
        yield bytes(rest)
