"""A small TCP balancer, as a proxy in front of several servers does it."""

import contextlib
import http.client
import itertools
import socket
import threading
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from tests.support.processes import ServerProcess

WITHIN = 5.0


class Balancer:
    """Joins each client to the next server that takes it; an existing join stays.

    With ``probing`` a server is passed by whose /readyz does not answer 200.
    """

    def __init__(self, servers: Sequence[ServerProcess], *, probing: bool) -> None:
        self._servers = servers
        self._probing = probing
        self._turns = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=[client], daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        server = self._connect()
        if server is None:
            client.close()
            return
        back = threading.Thread(target=_copy, args=[server, client], daemon=True)
        back.start()
        _copy(client, server)
        back.join()
        client.close()
        server.close()

    def _connect(self) -> socket.socket | None:
        first = next(self._turns)
        for n in range(len(self._servers)):
            server = self._servers[(first + n) % len(self._servers)]
            address = urlsplit(server.base_url)
            place = (str(address.hostname), int(address.port or 0))
            with contextlib.suppress(OSError, http.client.HTTPException):
                if not self._probing or _is_ready(*place):
                    return socket.create_connection(place)
        return None


def _is_ready(host: str, port: int) -> bool:
    probe = http.client.HTTPConnection(host, port, timeout=WITHIN)
    try:
        probe.request("GET", "/readyz", headers={"Connection": "close"})
        return probe.getresponse().status == 200
    finally:
        probe.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until one of the two closes, and then the end too."""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
