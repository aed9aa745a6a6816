"""What a turn costs, beside the least that Flask and waitress can do, in one run.

python benchmarks/turn.py [--quick] [--million] [--markdown] [--folder FOLDER]

An upstream of our own, a process by itself, answers at once or after a second.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import report
from benchmarks.figures import Figures, Plan, at_sizes, measure
from benchmarks.processes import Running, sync_time
from benchmarks.systems import (
    System,
    embedded_in,
    passthrough_in,
    upstream_in,
    wire_in,
)
from tests.servers.mongo_wire import CannotStart

QUICK = Plan(
    turns=150,
    blocks=3,
    streams=25,
    window=1.0,
    slow_window=2.0,
    connections=(1, 64),
    slow_connections=(256,),
    sizes=(),
)
WHOLE = Plan(
    turns=1000,
    blocks=10,
    streams=150,
    window=4.0,
    slow_window=5.0,
    connections=(1, 16, 64, 256),
    slow_connections=(1, 16, 64, 256),
    sizes=(1_000, 100_000),
)
MILLION = 1_000_000


def run(folder: Path, plan: Plan, *, markdown: bool) -> None:
    began = time.perf_counter()
    print(
        f"{_machine()}; load average {os.getloadavg()[0]:.1f};"
        f" the disk syncs 4 kB in {sync_time(folder):.2f} ms (median)"
    )
    with upstream_in(folder) as upstream:
        least = _measured(
            passthrough_in(_new(folder, "passthrough"), upstream), upstream, plan
        )
        ours = [
            _measured(embedded_in(_new(folder, "embedded"), upstream), upstream, plan)
        ]
        try:
            wire = wire_in(_new(folder, "wire"), upstream)
            ours.append(_measured(wire, upstream, _shorter(plan)))
        except CannotStart as reason:
            print(f"no wire server: {reason}")
        sizes: report.Sizes = ()
        if plan.sizes:
            print("sizes", end=" ", file=sys.stderr, flush=True)
            with embedded_in(_new(folder, "sizes"), upstream) as growing:
                sizes = at_sizes(growing, upstream, plan)
    _print(ours, least, sizes, markdown=markdown)
    print(f"\n{time.perf_counter() - began:.0f} s")


def _print(
    ours: list[Figures], least: Figures, sizes: report.Sizes, *, markdown: bool
) -> None:
    everything = [*ours, least]
    names = [figures.name for figures in ours]
    for title, heads, rows in (
        ("one run", [f.name for f in everything], report.figure_rows(everything)),
        ("beside the passthrough", names, report.ratio_rows(ours, least)),
        ("as the store grows", ["CPU", "p50", "p95"], report.size_rows(sizes)),
        (
            "targets",
            ["figure", "bound", ""],
            report.judged_rows(report.judge(ours, sizes)),
        ),
    ):
        report.show(title, heads, rows, markdown=markdown)


def _measured(
    starting: AbstractContextManager[System], upstream: Running, plan: Plan
) -> Figures:
    with starting as system:
        print(system.name, end=" ", file=sys.stderr, flush=True)
        return measure(system, upstream, plan)


def _shorter(plan: Plan) -> Plan:
    """Return a plan for the wire server, which slows down with all that it holds."""
    return replace(plan, turns=min(plan.turns, 300), window=min(plan.window, 2.0))


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [
        line.partition(": ")[2] for line in lines if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} x {models[0] if models else platform.machine()},"
        f" {memory:.0f} GiB, Python {platform.python_version()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in under a minute")
    parser.add_argument("--million", action="store_true", help="go up to 1 M messages")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--folder", type=Path, help="where to put the data")
    given = parser.parse_args()
    plan = QUICK if given.quick else WHOLE
    if given.million:
        plan = replace(plan, sizes=(*WHOLE.sizes, MILLION))
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        run(folder, plan, markdown=given.markdown)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
