"""A scripted OpenAI-compatible server over real HTTP.

In a test: the fixture ``upstream``. As a process of its own:
``python -m tests.support.upstream --port 0 --delay 1.0 --log FILE``.
"""

import argparse
import asyncio
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import pytest

from tests.support.behaviour import Behaviour, Body, last_user
from tests.support.upstream_connection import ClientConnection

Condition = str | Callable[[Body], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request as it came in. ``connection`` counts from 1; ``at`` is monotonic."""

    path: str
    headers: dict[str, str]
    body: Body
    connection: int
    at: float


class Upstream:
    """The server; scripts go first, then ``when`` rules, then the usual reply."""

    def __init__(
        self,
        *,
        port: int = 0,
        usual: Behaviour | None = None,
        log: TextIO | None = None,
        record: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._port = port
        self._usual = usual or Behaviour()
        self._log = log
        self._record = record
        self._tls = tls
        self._lock = threading.Lock()
        self._requests: list[Recorded] = []
        self._scripted: deque[Behaviour] = deque()
        self._rules: list[tuple[Condition, Behaviour]] = []
        self._open: set[ClientConnection] = set()
        self.accepted = 0
        self.paths: list[str] = []

    # What tests say

    def reply(self, text: str | None = None, **how: Any) -> Self:
        """Answer like this from now on; arguments as in ``Behaviour``."""
        return self.always(Behaviour(text=text, **how))

    def always(self, behaviour: Behaviour) -> Self:
        self._usual = behaviour
        return self

    def script(self, behaviours: Iterable[Behaviour]) -> Self:
        """Do these first, one per request."""
        with self._lock:
            self._scripted.extend(behaviours)
        return self

    def when(self, condition: Condition, behaviour: Behaviour) -> Self:
        """Do this for a needle in the last user message, or a test of the body."""
        with self._lock:
            self._rules.append((condition, behaviour))
        return self

    # What tests see

    @property
    def requests(self) -> list[Recorded]:
        with self._lock:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    @property
    def base_url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._port}/v1"

    @property
    def port(self) -> int:
        return self._port

    def hang_up(self) -> None:
        """Close all connections, as servers do with idle ones."""
        self._in_loop(self._cut_all(reset=False))

    # The server

    def __enter__(self) -> Self:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._in_loop(self._listen())
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._in_loop(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def joined(self, connection: ClientConnection) -> int:
        self.accepted += 1
        self._open.add(connection)
        return self.accepted

    def left(self, connection: ClientConnection) -> None:
        self._open.discard(connection)

    async def _listen(self) -> asyncio.Server:
        return await self.loop.create_server(
            lambda: ClientConnection(self),
            "127.0.0.1",
            self._port,
            backlog=1024,
            ssl=self._tls,
        )

    async def _stop(self) -> None:
        self._server.close()
        await self._cut_all(reset=True)

    async def _cut_all(self, *, reset: bool) -> None:
        for connection in list(self._open):
            connection.cut(reset=reset)
        for _ in range(100):
            if not self._open:
                return
            await asyncio.sleep(0.01)

    def behave(
        self, path: str, head: list[bytes], body: Body, number: int
    ) -> Behaviour:
        if self._log:
            self._log.write(last_user(body).replace("\n", " ") + "\n")
            self._log.flush()
        self.paths.append(path)
        if path != "/v1/chat/completions":
            return Behaviour(status=404)
        with self._lock:
            if self._record:
                pairs = (line.decode("latin-1").partition(":") for line in head)
                self._requests.append(
                    Recorded(
                        path=path,
                        headers={name.lower(): v.strip() for name, _, v in pairs},
                        body=body,
                        connection=number,
                        at=time.monotonic(),
                    )
                )
            if self._scripted:
                return self._scripted.popleft()
            rules = list(self._rules)
        question = last_user(body)
        for condition, behaviour in rules:
            if condition in question if isinstance(condition, str) else condition(body):
                return behaviour
        return self._usual


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="to the first byte")
    parser.add_argument("--pause", type=float, default=0.0, help="between events")
    parser.add_argument("--chunks", type=int, default=8, help="events of one answer")
    parser.add_argument("--text", help="the answer; default: an echo")
    parser.add_argument("--log", type=Path, help="file for each last user message")
    parser.add_argument("--flood", type=float, default=0.0, help="megabytes of text")
    given = parser.parse_args()
    usual = Behaviour(
        text=given.text,
        delay=given.delay,
        pause=given.pause,
        chunks=given.chunks,
        flood=given.flood,
    )
    log = given.log.open("a", encoding="utf-8") if given.log else None
    with Upstream(port=given.port, usual=usual, log=log, record=False) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
