import ctypes
import json
import os
import resource
import sys
import threading
from dataclasses import asdict, dataclass

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_NICER = 10
"""Chats go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one document may take; ``seconds`` of time and of CPU alike."""

    seconds: float = 60
    memory_bytes: int = 1024**3
    text_characters: int = 20_000_000

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Limits":
        return cls(**json.loads(text))


def limit_this_process(limits: Limits) -> None:
    """Take from this process what reading a document does not need."""
    os.nice(_NICER)
    cpu = max(int(limits.seconds), 1)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the kernel does not keep to it
        memory = limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def end_with_parent(parent: int) -> None:
    """Let this process end when the process ``parent``, which started it, does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        if os.getppid() != parent:  # it ended before
            os._exit(1)
        return
    threading.Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
