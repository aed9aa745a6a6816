"""From a host to a socket, within the time of a call."""

import functools
import queue
import socket
import threading
from collections.abc import Sequence
from typing import Any

from app.http1.connection import Call, TimedOut, Unreachable


def look_up(host: str, port: int, call: Call) -> list[Any]:
    """Return what ``getaddrinfo`` says, no later than the call may take.

    Nothing: there is no such host. The system's own limit may be longer, so a name is
    looked up in a thread that we may leave behind.
    """
    ask_system = functools.partial(
        socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
    )
    try:
        return ask_system(0, socket.AI_NUMERICHOST)
    except OSError:
        pass
    answers: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(ask_system())
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answers.get(timeout=call.wait(60))
    except queue.Empty:
        raise TimedOut from None


def dial(addresses: Sequence[Any], call: Call) -> socket.socket:
    """Connect to the first that answers of addresses as ``getaddrinfo`` gives them.

    Raises ``TimedOut`` or ``Unreachable``.
    """
    late = False
    for left, (family, kind, protocol, _, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        wait = call.wait(60) / left  # a dead address leaves time for the next
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(wait)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            sock.close()
            late = late or isinstance(exc, TimeoutError)
        else:
            return sock
    raise TimedOut if late else Unreachable
