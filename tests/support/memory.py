"""The memory that a process holds."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def memory_of(pid: int, what: str = "VmRSS") -> float:
    """Return it in megabytes; ``VmHWM``: what it was at the most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def memory() -> float:
    return memory_of(os.getpid())


@contextmanager
def held_at_most(more: float) -> Iterator[None]:
    """Fail when this process holds so many megabytes more at any moment inside."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here
    before = memory()
    yield
    assert memory_of(os.getpid(), "VmHWM") - before < more
