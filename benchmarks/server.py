"""Our server beside unmodified waitress: CPU of a trivial request, in one run.

    python -m benchmarks.server

Both serve the same app on 320 threads, each in a process of its own. Printed are the
server's CPU a request (user and system), ours divided by waitress's.
"""

import argparse
import multiprocessing
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from waitress.server import create_server

from app.server.http_server import HttpServer

THREADS = 320
BODY = b"hello"
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TICKS = os.sysconf("SC_CLK_TCK")
WAYS = ((1, 0, 4_000), (64, 0, 12_000), (8, 2_000, 6_000))


def hello(_environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [BODY]


def serve_ours(told: Connection) -> None:
    server = HttpServer(
        hello,
        host="127.0.0.1",
        port=0,
        threads=THREADS,
        largest_body=2**20,
        stopping=threading.Event(),
        connections=4_000,
    )
    told.send(server.port)
    while True:
        server.run_once()


def serve_waitress(told: Connection) -> None:
    server = create_server(
        hello,
        host="127.0.0.1",
        port=0,
        threads=THREADS,
        connection_limit=4_000,
        asyncore_use_poll=True,
        ident=None,
    )
    told.send(server.effective_port)
    server.run()


@contextmanager
def running(serve: Callable[[Connection], None]) -> Iterator[tuple[int, int]]:
    """Serve in a process of its own; yields its id and its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=serve, args=[theirs], daemon=True
    )
    process.start()
    try:
        yield process.pid or 0, ours.recv()
    finally:
        process.kill()
        process.join()


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def ask(port: int, *, busy: int, idle: int, requests: int) -> None:
    """Send so many requests on ``busy`` connections, each as its last is answered."""
    place = ("127.0.0.1", port)
    idlers = [socket.create_connection(place) for _ in range(idle)]
    selector = selectors.DefaultSelector()
    left = requests
    for _ in range(busy):
        connection = socket.create_connection(place)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(REQUEST)
        left -= 1
    answered = 0
    while answered < requests:
        for key, _ in selector.select():
            connection = key.fileobj  # type: ignore[assignment]
            part = connection.recv(65536)
            if not part:
                raise SystemExit("the server closed a connection")
            if not part.endswith(BODY):
                continue
            answered += 1
            if left > 0:
                left -= 1
                connection.sendall(REQUEST)
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    for connection in idlers:
        connection.close()


def measure(pid: int, port: int, busy: int, idle: int, requests: int) -> float:
    """Return the server's CPU microseconds a request."""
    before = cpu_seconds(pid)
    ask(port, busy=busy, idle=idle, requests=requests)
    return (cpu_seconds(pid) - before) / requests * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("busy  idle   waitress µs    ours µs   ratio   (best of rounds)")
    with running(serve_waitress) as theirs, running(serve_ours) as ours:
        time.sleep(0.5)
        for busy, idle, requests in WAYS:
            found = [
                (
                    measure(*theirs, busy, idle, requests),
                    measure(*ours, busy, idle, requests),
                )
                for _ in range(rounds)
            ]
            waitress, own = (min(one) for one in zip(*found, strict=True))
            figures = f"{waitress:12.0f} {own:10.0f}   {own / waitress:.2f}"
            print(f"{busy:4}  {idle:4}  {figures}")


if __name__ == "__main__":
    main()
