"""A request as it comes in and its answer as it goes out, where we differ."""

from copy import copy

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask
from waitress.utilities import BadRequest, Error, RequestHeaderFieldsTooLarge

from app.errors import Busy, HeadTooLarge
from app.server.heads import Refusal, is_too_large, refuse_unended

MOST_HEADERS = 100
LONGEST_CHUNK_LINE = 1024
LONGEST_TRAILER = 65536
SMALL = 16 * 1024


class RequestTimeout(Error):
    code = 408
    reason = "Request Timeout"


class Parser(HTTPRequestParser):
    adj: Adjustments
    completed: bool
    body_bytes_received: int

    def parse_header(self, header_plus: bytes) -> None:
        """Read a head, but none that a proxy may read in another way."""
        super().parse_header(header_plus)
        if header_plus.count(b"\r\n") > MOST_HEADERS:
            raise ParsingError("too many headers")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both Content-Length and Transfer-Encoding")
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding before HTTP/1.1")
        if larger := self.adj.larger_bodies.get(self.path):
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = larger
        if is_too_large(header_plus, self.headers):
            self.error = Refusal(HeadTooLarge)

    def received(self, data: bytes) -> int:
        before = self.body_bytes_received
        consumed = super().received(data)
        if not self.adj.bodies.have_room(self, before):
            self.error = Refusal(Busy)
        if isinstance(self.error, RequestHeaderFieldsTooLarge):
            head = self.header_plus + data
            self.error = refuse_unended(head[: self.adj.max_request_header_size])
        if self.chunked and not self.completed:
            body = self.body_rcv
            if (
                len(body.control_line) > LONGEST_CHUNK_LINE
                or len(body.trailer) > LONGEST_TRAILER
            ):
                self.error = BadRequest("chunk line or trailer too long")
                self.completed = True
        if self.error:
            self.completed = True
            self.expect_continue = False  # or it would be told to send its body
        return int(consumed)

    def close(self) -> None:
        super().close()
        self.body_bytes_received = 0


class Task(WSGITask):
    wrote_header: bool

    def write(self, data: bytes) -> None:
        """Send the head in one piece with the first of the body."""
        if self.complete and not self.wrote_header and 0 < len(data) < SMALL:
            self.channel.head = self.build_response_header()
            self.wrote_header = True
            super().write(data)
            self.channel.write_soon(b"")
        else:
            super().write(data)

    def build_response_header(self) -> bytes:
        if self.channel.server.stopping.is_set():
            self.set_close_on_finish()
        return bytes(super().build_response_header())
