"""Requests byte by byte, for what an honest client refuses to send."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.support.processes import ServerProcess
from tests.support.running import Server

WITHIN = 10.0


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What came back; header names are in lower case, of equal ones the last."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def exchange(server: Server | ServerProcess, request: bytes) -> RawAnswer:
    """Send ``request`` as it is and read until the server closes."""
    host, port = server.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=WITHIN) as connection:
        # It may be refused before it has all come in.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        received = b""
        while part := _receive(connection):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return RawAnswer(status=int(first.split()[1]), headers=headers, body=body)


def ask(
    server: Server | ServerProcess,
    method: str,
    target: str | bytes,
    *,
    headers: tuple[tuple[str, str | bytes], ...] = (),
    body: bytes = b"",
) -> RawAnswer:
    """Send one request; neither its target nor its headers are looked at."""
    given = [("Host", "127.0.0.1"), ("Connection", "close"), *headers]
    if body:
        given.append(("Content-Length", str(len(body))))
    lines = [b" ".join([method.encode(), _bytes(target), b"HTTP/1.1"])]
    lines += [name.encode() + b": " + _bytes(value) for name, value in given]
    return exchange(server, b"\r\n".join([*lines, b"", body]))


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""
