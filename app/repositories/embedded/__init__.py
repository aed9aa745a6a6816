"""A MongoDB client's face on one SQLite file."""

from .client import EmbeddedClient, EmbeddedDatabase
from .collection import EmbeddedCollection
from .errors import StoreUnavailable, StoreUnreadable

__all__ = [
    "EmbeddedClient",
    "EmbeddedCollection",
    "EmbeddedDatabase",
    "StoreUnavailable",
    "StoreUnreadable",
]
