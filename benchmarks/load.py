"""A load that costs little: raw sockets, ready-made requests, kept connections."""

import asyncio
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Self, TypeVar

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
OK = b"200"
PIECE = 65_536
PATIENCE = 60.0

T = TypeVar("T")
Requests = Callable[[int], bytes]
"""The next request of a connection, by its number."""


class Failed(Exception):
    """An answer that is no 200; the message is the answer."""


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_whole(answer: bytes | bytearray) -> bool:
    head, found, rest = answer.partition(HEAD_END)
    if not found:
        return False
    length = LENGTH.search(head)
    if length:
        return len(rest) >= int(length.group(1))
    return answer.endswith(LAST_CHUNK)


def is_ok(answer: bytes | bytearray) -> bool:
    return answer[9:12] == OK


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the request to the marked bytes, and to the answer's end."""

    first: float
    whole: float


class Client:
    """One caller who waits for each answer."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._socket = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self._address, PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def ask_anew(self, request: bytes, mark: bytes) -> Timing:
        """Ask on a new connection, whose making counts: streams end with theirs."""
        self._socket.close()
        began = time.perf_counter()
        self._socket = self._connect()
        connecting = time.perf_counter() - began
        timing = self.ask(request, mark)
        return Timing(connecting + timing.first, connecting + timing.whole)

    def ask(self, request: bytes, mark: bytes = HEAD_END) -> Timing:
        """Send a request and read its answer; ``mark`` ends the wait for the first."""
        answer = bytearray()
        first = 0.0
        began = time.perf_counter()
        self._socket.sendall(request)
        while not is_whole(answer):
            data = self._socket.recv(PIECE)
            answer += data
            if not first and mark in answer:
                first = time.perf_counter() - began
            if not data:
                break
        whole = time.perf_counter() - began
        if not is_ok(answer) or not first:
            raise Failed(bytes(answer))
        return Timing(first, whole)


@dataclass(slots=True)
class Load(Generic[T]):
    """What came of a load in its window; latencies in seconds, in order.

    ``before`` and ``after`` are samples taken at the window's ends.
    """

    before: T
    after: T
    seconds: float
    latencies: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def run_load(
    port: int,
    connections: int,
    requests: Requests,
    *,
    spread: float,
    window: float,
    sample: Callable[[], T],
) -> Load[T]:
    """Keep every connection asking, and count what ends within the window.

    They start evenly over ``spread`` seconds; the window begins that long again
    after the last has started.
    """
    run = _Run(port, connections, requests)
    return asyncio.run(run.measure(spread, window, sample))


class _Run:
    def __init__(self, port: int, connections: int, requests: Requests) -> None:
        self.requests = requests
        self.ended: list[tuple[float, float, bool]] = []
        self.stopping = False
        self._port = port
        self._connections = connections

    async def measure(
        self, spread: float, window: float, sample: Callable[[], T]
    ) -> Load[T]:
        loop = asyncio.get_running_loop()
        callers = []
        for number in range(self._connections):
            _, caller = await loop.create_connection(
                partial(_Caller, self, number), "127.0.0.1", self._port
            )
            callers.append(caller)
        for number, caller in enumerate(callers):
            loop.call_later(spread * number / self._connections, caller.ask)
        await asyncio.sleep(2 * spread)
        before, began = sample(), time.perf_counter()
        await asyncio.sleep(window)
        after, end = sample(), time.perf_counter()
        self.stopping = True
        waits = [asyncio.create_task(caller.idle.wait()) for caller in callers]
        _, hanging = await asyncio.wait(waits, timeout=PATIENCE)
        self.ended += [(end, 0.0, False)] * len(hanging)
        within = [row for row in self.ended if began <= row[0] < end]
        return Load(
            before,
            after,
            end - began,
            sorted(latency for _, latency, ok in within if ok),
            sum(not ok for _, _, ok in self.ended),
        )


class _Caller(asyncio.Protocol):
    def __init__(self, run: _Run, number: int) -> None:
        self._run = run
        self._number = number
        self._answer = bytearray()
        self._began = 0.0
        self.idle = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport

    def ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._run.requests(self._number))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not is_whole(self._answer):
            return
        now = time.perf_counter()
        self._run.ended.append((now, now - self._began, is_ok(self._answer)))
        self._answer.clear()
        if self._run.stopping:
            self._transport.close()
            self.idle.set()
        else:
            self.ask()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.idle.is_set():
            self._run.ended.append((time.perf_counter(), 0.0, False))
            self.idle.set()
