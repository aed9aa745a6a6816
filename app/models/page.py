from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list is asked for: ``limit`` rows after a cursor."""

    limit: int = 1000
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list; ``next`` is the cursor of the following part, if any."""

    items: list[T]
    total: int
    next: str | None
