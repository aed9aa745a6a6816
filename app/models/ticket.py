from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Opens one stream for a sign-in, where no header can be set."""

    digest: str
    user_id: str
    session_id: str
    expires_at: datetime
