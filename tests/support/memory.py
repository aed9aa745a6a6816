"""The memory that a process holds."""

import os
import re
from pathlib import Path


def memory_of(pid: int, what: str = "VmRSS") -> float:
    """Return it in megabytes; ``VmHWM``: what it was at the most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def memory() -> float:
    return memory_of(os.getpid())
