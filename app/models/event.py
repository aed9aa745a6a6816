"""What has happened in chats and to documents, told to whoever watches."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

MOST_PROCESSES = 32  # keeps an encoded position near 1 kB
LARGEST_NUMBER = 2**53
UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent:
    """These messages of a chat are new or changed; its state may have changed."""

    assistant_id: str
    chat_id: str
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsEvent:
    """These documents of an assistant are new, changed or gone."""

    assistant_id: str
    document_ids: tuple[str, ...]


Event = ChatEvent | DocumentsEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """Events of one server process, which it numbers from 1; these from ``first``."""

    process: str
    first: int
    events: tuple[Event, ...]
    written_at: datetime

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1

    def numbered(self) -> Iterator[tuple[int, Event]]:
        return enumerate(self.events, self.first)


@dataclass(frozen=True, slots=True)
class Position:
    """How far somebody has come: of each process, the number of the last event.

    A process that is not named here: nothing of it yet.
    """

    seen: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> str:
        """Return it as opaque text; with too many processes, one that is unknown."""
        if len(self.seen) > MOST_PROCESSES:
            return UNKNOWN
        packed = json.dumps(dict(self.seen), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @staticmethod
    def decode(encoded: str) -> "Position | None":
        """Return the position; None for what is none of ours."""
        try:
            padded = encoded + "=" * (-len(encoded) % 4)
            seen = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            return None
        if not isinstance(seen, dict) or len(seen) > MOST_PROCESSES:
            return None
        good = all(
            isinstance(number, int) and 0 < number <= LARGEST_NUMBER
            for number in seen.values()
        )
        return Position(seen) if good else None
