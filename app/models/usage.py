from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEntry:
    """What one answer used; ``id`` is the answer's.

    ``turns`` is 1, or 0 for an answer that was cut off and did not end its turn.
    ``day`` is the UTC date (``2026-11-20``). ``estimated`` marks counts that the
    provider did not give.
    """

    id: str
    assistant_id: str
    owner_id: str
    chat_id: str
    day: str
    turns: int
    model: str
    tokens_in: int
    tokens_out: int
    estimated: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """One line of a usage report; ``group`` is a day or an assistant's id."""

    group: str
    turns: int
    tokens_in: int
    tokens_out: int
