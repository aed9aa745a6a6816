"""Programs of our own on 127.0.0.1, and what they take from the machine."""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ("PATH", "HOME", "LANG")
PORT = re.compile(r"(\d+)\s*$")
ENDS_WITHIN = 60.0
TICK = 1 / os.sysconf("SC_CLK_TCK")
MEGABYTE = 1024 * 1024
SYNCS = 100


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time of a process since its start, in seconds."""

    user: float
    system: float

    def since(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.user - earlier.user, self.system - earlier.system)

    def per(self, turns: int) -> "Cpu":
        """Return the milliseconds of each turn."""
        return Cpu(self.user / turns * 1000, self.system / turns * 1000)

    @property
    def total(self) -> float:
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Running:
    """A process, and the port where it listens."""

    pid: int
    port: int

    def cpu(self) -> Cpu:
        fields = self._read("stat").rpartition(")")[2].split()
        return Cpu(int(fields[11]) * TICK, int(fields[12]) * TICK)

    def resident(self) -> float:
        """Return the megabytes of memory in use."""
        pages = int(self._read("statm").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text()


@contextmanager
def started(
    program: Sequence[str], log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run a Python program whose first line ends in its port; end it afterwards."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=ROOT,
            env=kept | dict(settings or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = PORT.search(line)
        if not found:
            raise RuntimeError(f"{program} did not start: {log.read_text()[-2000:]}")
        yield Running(process.pid, int(found.group(1)))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def sync_time(folder: Path) -> float:
    """Return the milliseconds that the disk takes to sync 4 kB (median)."""
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(SYNCS):
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
