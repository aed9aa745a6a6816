"""Cheap password hashes, for tests that are not about their cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.services.passwords import PasswordHasher


@contextmanager
def cheap_passwords(rounds: int = 4) -> Iterator[None]:
    """Let servers that start in the block hash with fewer rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PasswordHasher.__init__.__kwdefaults__ or {}, "rounds", rounds)
        yield
