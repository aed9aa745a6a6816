"""Server-sent events out of the bytes of a body."""

_KNOWN = (b"event", b"id", b"retry", b"")


class NoEvents(Exception):
    """The body is no event stream at all."""


class TooLong(Exception):
    """One event is longer than we read; ``start`` is what came of it."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start


class Events:
    """Takes the data out of events, which may be cut anywhere.

    ``limit`` is in bytes of one event. Lines end in LF, CRLF or CR.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()  # of an event whose end has not come
        self._after_cr = False
        self._seen = self._strange = False

    def feed(self, block: bytes) -> list[bytes]:
        """Return the data of the events that are whole now."""
        if self._after_cr or b"\r" in block:
            block = self._normal(block)
        rest = self._rest
        looked = max(0, len(rest) - 1)
        rest += block
        end = rest.rfind(b"\n\n", looked)
        if end < 0:
            if len(rest) > self._limit:
                raise TooLong(bytes(rest).removeprefix(b"data:"))
            return []
        events = bytes(rest[:end]).split(b"\n\n")
        del rest[: end + 2]
        return [data for event in events if (data := self._data(event)) is not None]

    def end(self) -> list[bytes]:
        """Return the data of an event whose end has not come."""
        data = self._data(bytes(self._rest))
        if self._strange and not self._seen:
            raise NoEvents
        return [] if data is None else [data]

    def _data(self, event: bytes) -> bytes | None:
        if event.startswith(b"data: ") and b"\n" not in event:
            self._seen = True
            return event[6:]
        data = []
        for line in event.split(b"\n"):
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif line and name not in _KNOWN:
                self._strange = True
                continue
            self._seen = self._seen or bool(line)
        return b"\n".join(data) if data else None

    def _normal(self, block: bytes) -> bytes:
        """Return the block with LF for all line ends, of which one may be cut."""
        after_cr = self._after_cr
        if block:
            self._after_cr = block.endswith(b"\r")
        if after_cr:
            block = block.removeprefix(b"\n")
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
