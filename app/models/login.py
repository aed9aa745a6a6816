from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogin:
    """A login that did not succeed, or is being checked; ``account`` is hashed."""

    id: str
    account: str
    at: datetime
