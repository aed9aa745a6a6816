from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyScope(StrEnum):
    """What a key opens: posting, reading the chats, or the documents."""

    CHAT = "chat"
    READ = "read"
    DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The secret of a program that works with one assistant.

    The ``main`` key is made with the assistant and can be shown again: only it has
    a ``sealed`` copy. The record outlives a rotation, so what was said under the
    old secret is recognised under the new one. During a grace the previous secret
    still opens.
    """

    id: str
    assistant_id: str
    main: bool
    name: str
    scopes: tuple[KeyScope, ...]
    hint: str
    digest: str
    sealed: str | None
    previous_digest: str | None
    previous_until: datetime | None
    expires_at: datetime | None
    created_at: datetime
    rotated_at: datetime | None
