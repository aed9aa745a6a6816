"""What came of each file or document, at a command's end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from app.cli.wording import printable, size_of

FAILED = "failed"
FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of them: ``outcome`` in a word or two, ``reason`` why, ``size`` in bytes."""

    name: str
    outcome: str
    reason: str | None = None
    size: int = 0

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"{self.outcome:<10} {printable(self.name)}{why}"


def show_report(rows: Sequence[Row], outcomes: Iterable[str]) -> None:
    """Count the rows of each outcome; then those that have a reason, by reason.

    Where nothing failed, a few names stand for the rest.
    """
    click.echo("" if rows else "There is nothing to read.")
    by_outcome = {one: [row for row in rows if row.outcome == one] for one in outcomes}
    for outcome, found in by_outcome.items():
        if found:
            total = sum(row.size for row in found)
            size = f"  {size_of(total):>10}" if total else ""
            click.echo(f"{outcome:<10} {len(found):>7,}{size}")
    for outcome, found in by_outcome.items():
        reasons = dict.fromkeys(row.reason for row in found if row.reason)
        if reasons:
            click.echo(f"\n{outcome}")
        for reason in reasons:
            names = [printable(row.name) for row in found if row.reason == reason]
            click.echo(f"  {reason}")
            _show_names(names, len(names) if outcome == FAILED else FEW)


def _show_names(names: Sequence[str], most: int) -> None:
    for name in names[:most]:
        click.echo(f"    {name}")
    if len(names) > most:
        click.echo(f"    and {len(names) - most:,} more")
