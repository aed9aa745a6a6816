import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import Unauthorized
from app.models.ticket import Ticket
from app.services.keyring import Keyring

LIFE = 30  # seconds
LONGEST = 128


class Tickets(Protocol):
    def add(self, ticket: Ticket) -> None: ...
    def take(self, digest: str) -> Ticket | None: ...


class TicketService:
    """Single-use tickets, for clients that cannot set a header."""

    def __init__(
        self, *, tickets: Tickets, keyring: Keyring, now: Callable[[], datetime]
    ) -> None:
        self._tickets = tickets
        self._keyring = keyring
        self._now = now

    def issue(self, *, user_id: str, session_id: str) -> str:
        """Return a secret that stands for this sign-in once, within 30 s."""
        secret = secrets.token_urlsafe(32)
        self._tickets.add(
            Ticket(
                digest=self._keyring.digest(secret),
                user_id=user_id,
                session_id=session_id,
                expires_at=self._now() + timedelta(seconds=LIFE),
            )
        )
        return secret

    def redeem(self, secret: str) -> Ticket:
        """Use a ticket up. Raises Unauthorized."""
        if len(secret) > LONGEST:
            raise Unauthorized
        for digest in self._keyring.digests(secret):
            ticket = self._tickets.take(digest)
            if ticket and ticket.expires_at > self._now():
                return ticket
        raise Unauthorized
