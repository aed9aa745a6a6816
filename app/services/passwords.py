import base64
import hashlib
import threading
from collections.abc import Callable
from typing import TypeVar

import bcrypt

from app.errors import Busy

SCHEME = "bcrypt-sha256"
ROUNDS = 12
AT_ONCE = 2
LONGEST_WAIT = 2.0
NO_DIGEST = "." * 31  # as long as one, and of no password

T = TypeVar("T")


class PasswordHasher:
    """Hash and check passwords, a few at a time.

    bcrypt reads 72 bytes at most, so it gets a SHA-256 of the password; stored
    hashes name this scheme. A check costs up to 0.3 s of a core: ``waiting``
    callers may wait for their turn, the rest get Busy at once.
    """

    def __init__(
        self, *, rounds: int = ROUNDS, waiting: Callable[[], int] = lambda: 20
    ) -> None:
        self._rounds = rounds
        self._most_waiting = waiting
        self._slots = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._waiting = 0
        self._decoy = f"{SCHEME}${bcrypt.gensalt(rounds).decode()}{NO_DIGEST}"

    def hash(self, password: str) -> str:
        """Raises Busy."""
        return self._in_turn(lambda: self._hash(password))

    def check(self, password: str, stored: str | None) -> bool:
        """Compare with a stored hash; None takes as long and is never right.

        Raises Busy.
        """
        return self._in_turn(lambda: _matches(password, stored or self._decoy)) and (
            bool(stored)
        )

    def _hash(self, password: str) -> str:
        digest = bcrypt.hashpw(_shortened(password), bcrypt.gensalt(self._rounds))
        return f"{SCHEME}${digest.decode()}"

    def _in_turn(self, work: Callable[[], T]) -> T:
        if not self._slots.acquire(blocking=False):
            self._wait()
        try:
            return work()
        finally:
            self._slots.release()

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._most_waiting():
                raise Busy
            self._waiting += 1
        try:
            if not self._slots.acquire(timeout=LONGEST_WAIT):
                raise Busy
        finally:
            with self._lock:
                self._waiting -= 1


def _shortened(password: str) -> bytes:
    return base64.b64encode(hashlib.sha256(password.encode()).digest())


def _matches(password: str, stored: str) -> bool:
    scheme, _, digest = stored.partition("$")
    return scheme == SCHEME and bcrypt.checkpw(_shortened(password), digest.encode())
