from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class AssistantRole(IntEnum):
    """What somebody may do with an assistant; each includes those before it."""

    VIEWER = 1
    ATTENDANT = 2
    EDITOR = 3
    OWNER = 4
    ADMIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user whom the owner lets in, as viewer, attendant or editor."""

    user_id: str
    role: AssistantRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """How an assistant looks into its documents for a turn."""

    enabled: bool = True
    passages: int = 6
    min_score: float | None = None
    citations: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much of the timeline the model reads: the latest ``messages``."""

    messages: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """How a chat comes to a person and back to the assistant.

    ``return_after_minutes`` counts from the attendant's last message; None: never
    by itself. With a contact keyword a contact asks for a person, with a release
    keyword for the assistant.
    """

    return_after_minutes: int | None = None
    contact_keywords: tuple[str, ...] = ()
    release_keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """A configured persona with its prompt, model and knowledge.

    ``model`` None means the server's default. ``knowledge_version`` grows with
    every change to the searchable chunks.
    """

    id: str
    name: str
    owner_id: str
    company: str | None
    instructions: str
    model: str | None
    temperature: float | None
    max_tokens: int | None
    retrieval: Retrieval = field(default_factory=Retrieval)
    history: History = field(default_factory=History)
    members: tuple[Member, ...] = ()
    takeover: Takeover = field(default_factory=Takeover)
    knowledge_version: int = 0
    created_at: datetime
    updated_at: datetime
