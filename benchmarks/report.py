"""The figures as a table, and what they are held against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.figures import Added, Figures
from benchmarks.processes import Cpu

CPU, CPU_AIM = 2.5, 2.0
ADDED = 4.0
SHARE, SHARE_AT = 0.97, 256
FIRST_TOKEN = 5.0
IDLE_RSS = 120.0
FLAT = 1.1  # noise of one run, above no growth at all

Rows = list[tuple[str, list[str]]]
Sizes = Sequence[tuple[int, Added]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A figure and its bound; below ``noise`` it only tells of a disturbed run."""

    name: str
    store: str
    figure: float
    bound: float
    at_least: bool = False
    noise: float = 0.0

    @property
    def word(self) -> str:
        if self.figure < self.noise:
            return "UNSURE"
        reached = (
            self.figure >= self.bound if self.at_least else self.figure <= self.bound
        )
        return "PASS" if reached else "MISS"


def figure_rows(systems: Sequence[Figures]) -> Rows:
    def row(name: str, cell: Callable[[Figures], str]) -> None:
        rows.append((name, [cell(figures) for figures in systems]))

    rows: Rows = []
    row("CPU per turn, ms (user + system)", lambda f: _cpu(f.one.cpu))
    row("… with 8 deltas", lambda f: _cpu(f.eight.cpu))
    row("… streamed, 8 deltas 5 ms apart", lambda f: _added(f.streamed, _cpu_of))
    row("CPU of the store's server per turn, ms", lambda f: _or_none(f.store_cpu))
    row("added latency p50, ms", lambda f: f"{f.one.p50:.2f}")
    row("added latency p95, ms", lambda f: f"{f.one.p95:.2f}")
    row("first token later than the upstream's, ms", lambda f: _or_none(f.first_token))
    for number in systems[0].fast:
        name = f"turns/s, {number} connections, upstream 0 ms"
        row(name, partial(_fast_rate, connections=number))
    for number in systems[0].fast:
        name = f"CPU per turn, {number} connections, ms"
        row(name, partial(_fast_cpu, connections=number))
    for number in systems[0].slow:
        name = f"turns/s, {number} connections, upstream 1 s (share)"
        row(name, partial(_slow_rate, connections=number))
    row("RSS idle / after, MB", lambda f: f"{f.idle_rss:.0f} / {f.rss:.0f}")
    row("threads idle / after", lambda f: f"{f.idle_threads} / {f.threads}")
    row("failed requests", lambda f: str(f.failures))
    return rows


def ratio_rows(systems: Sequence[Figures], least: Figures) -> Rows:
    """Compare with the least that the stack can do."""
    rows: Rows = []
    cpu = least.one.cpu.total
    rows.append(
        ("CPU per turn", [f"{f.one.cpu.total / cpu:.2f} x" for f in systems]),
    )
    for number, load in least.fast.items():
        cells = [f"{f.fast[number].rate / load.rate:.2f} x" for f in systems]
        rows.append((f"turns/s, {number} connections", cells))
    return rows


def size_rows(sizes: Sizes) -> Rows:
    return [
        (
            f"{messages:,} messages",
            [_cpu(added.cpu), f"{added.p50:.2f}", f"{added.p95:.2f}"],
        )
        for messages, added in sizes
    ]


def judge(systems: Sequence[Figures], sizes: Sizes) -> list[Judged]:
    """Hold the figures against the bounds.

    Where the store is another program, its time is in all but our own CPU and memory,
    so nothing else is judged.
    """
    found: list[Judged] = []
    for f in systems:
        cpu = f.one.cpu.total
        found.append(Judged("CPU per turn, ms", f.name, cpu, CPU))
        found.append(Judged("CPU per turn, ms (aim)", f.name, cpu, CPU_AIM))
        found.append(Judged("idle RSS, MB", f.name, f.idle_rss, IDLE_RSS))
        if f.store_cpu is not None:
            continue
        found.append(Judged("added latency p50, ms", f.name, f.one.p50, ADDED))
        if SHARE_AT in f.slow:
            name = f"share of the ideal, {SHARE_AT} on 1 s"
            found.append(Judged(name, f.name, share(f, SHARE_AT), SHARE, at_least=True))
        if f.first_token is not None:
            name = "first token later, ms"
            found.append(Judged(name, f.name, f.first_token, FIRST_TOKEN))
    if len(sizes) > 1:
        (fewest, first), (most, last) = sizes[0], sizes[-1]
        name = f"CPU at {most:,} messages / at {fewest:,}"
        grown = last.cpu.total / first.cpu.total
        found.append(Judged(name, "embedded", grown, FLAT, noise=1 / FLAT))
    return found


def judged_rows(found: Sequence[Judged]) -> Rows:
    return [
        (
            f"{one.name}, {one.store}",
            [
                f"{one.figure:.3g}",
                f"{'>=' if one.at_least else '<='} {one.bound:g}",
                one.word,
            ],
        )
        for one in found
    ]


def share(figures: Figures, connections: int) -> float:
    """Return the part of the turns that an upstream of one second allows."""
    return figures.slow[connections].rate / connections


def show(title: str, heads: Sequence[str], rows: Rows, *, markdown: bool) -> None:
    if not rows:
        return
    if markdown:
        print(f"\n| {title} | {' | '.join(heads)} |")
        print(f"|---|{'---:|' * len(heads)}")
        for name, cells in rows:
            print(f"| {name} | {' | '.join(cells)} |")
        return
    width = max(len(cell) for _, cells in [("", list(heads)), *rows] for cell in cells)
    print(f"\n{title:<62}" + "".join(f"{head:>{width + 2}}" for head in heads))
    for name, cells in rows:
        print(f"  {name:<60}" + "".join(f"{cell:>{width + 2}}" for cell in cells))


def _fast_rate(figures: Figures, *, connections: int) -> str:
    return f"{figures.fast[connections].rate:.0f}"


def _fast_cpu(figures: Figures, *, connections: int) -> str:
    load = figures.fast[connections]
    turns = max(len(load.latencies), 1)
    return f"{load.after.since(load.before).per(turns).total:.2f}"


def _slow_rate(figures: Figures, *, connections: int) -> str:
    rate = figures.slow[connections].rate
    return f"{rate:.1f} ({share(figures, connections):.3f})"


def _cpu(cpu: Cpu) -> str:
    return f"{cpu.total:.2f} ({cpu.user:.2f} + {cpu.system:.2f})"


def _cpu_of(added: Added) -> str:
    return _cpu(added.cpu)


def _added(added: Added | None, cell: Callable[[Added], str]) -> str:
    return cell(added) if added else "–"


def _or_none(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.2f}"
