import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.extraction.draft import Progress
from app.extraction.extract import Extract, ExtractionFailed, Heading
from app.extraction.limits import Limits

PROGRAM = ("-s", "-B", "-m", "app.extraction")

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
_BLOCK = 1024 * 1024
_BYTES_A_CHARACTER = 8
"""Of the output at most: four of UTF-8, or an escape of JSON, headings included."""

_MORE_OUTPUT = 1024 * 1024
"""Bytes of progress and of a result that has no text."""

_SIGNAL_REASONS: dict[int, str] = {
    signal.SIGXCPU: "too_slow",
    signal.SIGKILL: "too_much_memory",  # nobody but the kernel sends it, short of any
}


def extract(
    path: Path, extension: str, *, limits: Limits, on_progress: Progress
) -> Extract:
    """Return what the document at ``path`` says, read in a process of its own.

    ``on_progress`` gets how much is done and of how much, None for not known: pages,
    rows, slides. Raises ExtractionFailed, and OSError where no process starts.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    with _started(path, extension, limits) as child:
        deadline = time.monotonic() + limits.seconds
        found: dict[str, Any] | None = None
        for line in _lines(child, deadline, limits):
            said = _said(line)
            if "done" in said:
                on_progress(said["done"], said["of"])
            else:
                found = said
        code = _ended(child, deadline)
    if found is None:
        raise ExtractionFailed(
            _SIGNAL_REASONS.get(-code, "crashed"), f"the child ended with {code}"
        )
    if "reason" in found:
        raise ExtractionFailed(found["reason"], found["detail"])
    return Extract(
        text=found["text"],
        markdown=found["markdown"],
        headings=tuple(Heading(*heading) for heading in found["headings"]),
        pages=tuple((start, number) for start, number in found["pages"]),
    )


def _said(line: bytes) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise ExtractionFailed("crashed", "the child wrote no JSON") from None
    return said


@contextlib.contextmanager
def _started(
    path: Path, extension: str, limits: Limits
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the child; it is gone afterwards, with its process group if it had not ended.

    The thread that starts it must wait for it: the child ends with that thread.
    """
    what = [str(path.resolve()), extension, limits.to_json(), str(os.getpid())]
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, *PROGRAM, *what],
        cwd=_ROOT,
        env=_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            yield child
        finally:
            if child.returncode is None:  # else its number may be another's
                os.killpg(child.pid, signal.SIGKILL)


def _lines(
    child: subprocess.Popen[bytes], deadline: float, limits: Limits
) -> Iterator[bytes]:
    """Yield what the child says, until it says no more. Raises ExtractionFailed."""
    allowed = limits.text_characters * _BYTES_A_CHARACTER + _MORE_OUTPUT
    started: list[bytes] = []
    for block in _blocks(child, deadline):
        allowed -= len(block)
        if allowed < 0:
            raise ExtractionFailed("too_long")
        *ended, rest = block.split(b"\n")
        for line in ended:
            yield b"".join([*started, line])
            started.clear()
        started.append(rest)


def _blocks(child: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    if child.stdout is None:
        raise ValueError
    output = child.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise ExtractionFailed("too_slow")
            block = os.read(output, _BLOCK)
            if not block:
                return
            yield block


def _ended(child: subprocess.Popen[bytes], deadline: float) -> int:
    try:
        return child.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise ExtractionFailed("too_slow") from None
