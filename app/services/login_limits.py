from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import TooManyLoginAttempts
from app.models.ids import new_id
from app.models.login import FailedLogin

MOST_FAILURES = 10
WINDOW = timedelta(minutes=15)


class LoginAttempts(Protocol):
    def add(
        self, subject: str, attempt: FailedLogin, *, expires_at: datetime
    ) -> list[FailedLogin]: ...
    def take_back(self, subject: str, attempt_id: str) -> None: ...
    def forget(self, subject: str) -> None: ...


class LoginLimits:
    """At most 10 failed logins in 15 minutes for an account, or from an address.

    Failures on one account count once for the address: a colleague's forgotten
    password does not lock a whole office out, guessing at many accounts does.
    """

    def __init__(
        self,
        *,
        attempts: LoginAttempts,
        digest: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._attempts = attempts
        self._digest = digest
        self._now = now

    @contextmanager
    def attempt(self, *, email: str, address: str) -> Iterator[None]:
        """Count the login in the block as failed, unless the block ends well.

        It is counted before it is checked, so that parallel guesses do not slip
        through. Raises TooManyLoginAttempts.
        """
        account = self._digest(email.casefold())
        by_account, by_address = f"account:{account}", f"address:{address}"
        attempt = FailedLogin(id=new_id(), account=account, at=self._now())
        self._count(by_account, attempt, lambda row: row.id)
        try:
            recent = self._count(by_address, attempt, lambda row: row.account)
        except TooManyLoginAttempts:
            self._attempts.take_back(by_account, attempt.id)
            raise
        for row in recent:
            # Once is enough: many on one account would push the others out.
            if row.account == account and row.id != attempt.id:
                self._attempts.take_back(by_address, row.id)
        yield
        self._attempts.forget(by_account)
        self._attempts.take_back(by_address, attempt.id)

    def _count(
        self,
        subject: str,
        attempt: FailedLogin,
        distinct: Callable[[FailedLogin], str],
    ) -> list[FailedLogin]:
        """Return the recent attempts, this one included."""
        rows = self._attempts.add(subject, attempt, expires_at=attempt.at + WINDOW)
        recent = [row for row in rows if row.at > attempt.at - WINDOW]
        if len({distinct(row) for row in recent}) > MOST_FAILURES:
            self._attempts.take_back(subject, attempt.id)
            oldest = min(row.at for row in recent)
            wait = oldest + WINDOW - attempt.at
            raise TooManyLoginAttempts(retry_after=int(wait.total_seconds()) + 1)
        return recent
