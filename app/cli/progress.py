"""Progress on a terminal is a bar; elsewhere a line for each thing done."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

BAR = 20
BESIDE_ITEM = 58
"""Columns for all but what is being done: label, bar, share and time left."""


class Progress(Protocol):
    def advance(self, steps: int, doing: str) -> None:
        """Say how much further it is, and what is at hand."""

    def done(self, line: str) -> None:
        """Say what has just been done."""


@contextmanager
def progress(label: str, length: int) -> Iterator[Progress]:
    if not sys.stdout.isatty():
        yield _Lines()
        return
    with click.progressbar(
        length=length,
        label=f"{label:<9}",
        width=BAR,
        item_show_func=_cropped,
        update_min_steps=0,
    ) as bar:
        yield _Bar(bar)


class _Lines:
    def advance(self, steps: int, doing: str) -> None:
        """Say nothing: what is done has its line."""

    def done(self, line: str) -> None:
        click.echo(line)


class _Bar:
    def __init__(self, bar: "click._termui_impl.ProgressBar[object]") -> None:
        self._bar = bar

    def advance(self, steps: int, doing: str) -> None:
        self._bar.update(steps, doing)

    def done(self, line: str) -> None:
        """Say nothing: the bar counts it."""


def _cropped(item: object) -> str | None:
    if item is None:
        return None
    room = max(shutil.get_terminal_size().columns - BESIDE_ITEM, 10)
    shown = str(item)
    return shown if len(shown) <= room else f"{shown[: room - 1]}…"
