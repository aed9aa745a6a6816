from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyScope(StrEnum):
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The secret of a program that talks to one assistant.

    The record outlives a rotation, so what was said under the old secret is
    recognised under the new one. During a grace the previous secret still opens.
    """

    id: str
    assistant_id: str
    scope: KeyScope
    hint: str
    digest: str
    sealed: str
    previous_digest: str | None
    previous_until: datetime | None
    created_at: datetime
    rotated_at: datetime | None
