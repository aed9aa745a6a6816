from dataclasses import dataclass, field
from datetime import datetime


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
    knowledge_version: int = 0
    created_at: datetime
    updated_at: datetime
