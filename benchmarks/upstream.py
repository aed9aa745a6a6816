"""An OpenAI-compatible upstream that does nothing but answer, or wait and answer.

python benchmarks/upstream.py    prints its port and serves until its input ends

The last message of a request says how it is answered: a ``Script`` in its text.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any, Self

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
SCRIPT = re.compile(r"\[(\d+) ms, (\d+) deltas, (\d+) ms apart\]")
WORDS = ("We", "are", "open", "from", "nine", "to", "six,", "and", "on", "Saturdays")
WORDS_IN_ANSWER = 24
MODEL = "scripted"
USAGE = {"prompt_tokens": 180, "completion_tokens": 32, "total_tokens": 212}
LAST_CHUNK = b"0\r\n\r\n"
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Script:
    """How to answer: milliseconds to the first byte, deltas, milliseconds between."""

    delay: int = 0
    deltas: int = 1
    gap: int = 0

    def __str__(self) -> str:
        return f"[{self.delay} ms, {self.deltas} deltas, {self.gap} ms apart]"

    @classmethod
    def of(cls, text: str) -> Self:
        found = SCRIPT.search(text)
        return cls(*map(int, found.groups())) if found else cls()


def answer_in(deltas: int) -> list[str]:
    """Return an answer of about thirty tokens in that many pieces."""
    words = [f"{WORDS[n % len(WORDS)]} " for n in range(WORDS_IN_ANSWER)]
    cuts = [len(words) * n // deltas for n in range(deltas + 1)]
    return ["".join(words[a:b]) for a, b in pairwise(cuts)]


@cache
def whole(deltas: int) -> bytes:
    """Return the answer to a request that does not stream."""
    message = {"role": "assistant", "content": "".join(answer_in(deltas))}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0}
    answer = head | {"model": MODEL, "choices": [choice], "usage": USAGE}
    body = json.dumps(answer).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


@cache
def streamed(deltas: int) -> tuple[bytes, ...]:
    """Return what is written to a request that streams, write by write."""
    pieces: list[list[dict[str, Any]]] = [
        [_choice({"role": "assistant", "content": text})] for text in answer_in(deltas)
    ]
    events = [_event({"choices": choices, "usage": None}) for choices in pieces]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    end = (
        _event({"choices": [_choice({}, "stop")], "usage": None})
        + _event({"choices": [], "usage": USAGE})
        + _chunk(b"data: [DONE]\n\n")
        + LAST_CHUNK
    )
    return (head + events[0], *events[1:], end)


def _choice(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _event(fields: dict[str, Any]) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0}
    data = json.dumps(head | {"model": MODEL} | fields)
    return _chunk(f"data: {data}\n\n".encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """A caller's connection, kept alive; one request after the other."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(HEAD_END)
        length = LENGTH.search(head)
        size = int(length.group(1)) if length else 0
        if not found or len(rest) < size:
            return
        self._received = rest[size:]
        self._answer(json.loads(rest[:size]))

    def _answer(self, request: dict[str, Any]) -> None:
        script = Script.of(str(request["messages"][-1]["content"]))
        if request.get("stream"):
            writes: Iterator[bytes] = iter(streamed(script.deltas))
        else:
            writes = iter((whole(script.deltas),))
        if script.delay:
            later = partial(self._write, writes, script.gap)
            self._loop.call_later(script.delay / 1000, later)
        else:
            self._write(writes, script.gap)

    def _write(self, writes: Iterator[bytes], gap: int) -> None:
        for data in writes:
            if self._transport.is_closing():
                return
            self._transport.write(data)
            if gap:
                later = partial(self._write, writes, gap)
                self._loop.call_later(gap / 1000, later)
                return


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
