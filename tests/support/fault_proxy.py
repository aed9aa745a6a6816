"""A TCP proxy that holds back, slows down, cuts or refuses on command."""

import contextlib
import socket
import struct
import threading
import time
from typing import Self

RESET = struct.pack("ii", 1, 0)
GREETING = b"maxWireVersion"  # of MongoDB's answer to a driver's hello


class FaultProxy:
    """Stands before the server on ``target`` (a local port); ``port`` is its own.

    ``delay``: seconds before each part of an answer is passed on. What a driver asks
    to see whether a server is there is answered at once, as by one whose disk is slow.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._joined: set[socket.socket] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self.delay = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._flowing.set()

    def hold(self) -> None:
        """Take connections and bytes, and pass nothing on."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Reset every connection, whatever is on its way."""
        with self._lock:
            joined = list(self._joined)
        for end in joined:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Be gone: connections are cut, and new ones refused."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.cut()

    def come_back(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self._listen()

    def _listen(self) -> None:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                threading.Thread(
                    target=self._join, args=(client, server), daemon=True
                ).start()

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._joined |= {client, server}
        back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
        back.start()
        self._copy(client, server)
        back.join()
        with self._lock:
            self._joined -= {client, server}
        client.close()
        server.close()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            answers = source.getpeername()[1] == self._target
            while part := source.recv(65536):
                if answers and self.delay and GREETING not in part:
                    time.sleep(self.delay)
                self._flowing.wait()
                sink.sendall(part)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
