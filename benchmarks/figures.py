"""Taking the figures of one system."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.load import Client, Load, Timing, run_load
from benchmarks.processes import Cpu, Running
from benchmarks.systems import HISTORY, System, ask_directly
from benchmarks.upstream import Script

CONTACTS = 50
ROUNDS = 3  # of a copied conversation, one after the other
AT_ONCE = Script()
IN_EIGHT = Script(deltas=8)
AFTER_A_SECOND = Script(delay=1000)
IN_PIECES = Script(deltas=8, gap=5)
SECOND = 1.0
SPREAD_AT_ONCE = 0.3
SETTLING = 2.0
FIRST_DELTA = b"event: delta"
FIRST_DATA = b"data: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is asked: turns of one client, seconds of a load."""

    turns: int
    blocks: int
    streams: int
    window: float
    slow_window: float
    connections: Sequence[int]
    slow_connections: Sequence[int]
    sizes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Added:
    """Milliseconds per turn of one client, above asking the upstream directly."""

    p50: float
    p95: float
    direct: float
    cpu: Cpu


@dataclass(slots=True, kw_only=True)
class Figures:
    """Of one system. Rates and shares are by connections."""

    name: str
    idle_rss: float
    idle_threads: int
    one: Added
    eight: Added
    streamed: Added | None = None
    first_token: float | None = None
    fast: dict[int, Load[Cpu]] = field(default_factory=dict)
    slow: dict[int, Load[Cpu]] = field(default_factory=dict)
    store_cpu: float | None = None
    rss: float = 0.0
    threads: int = 0

    @property
    def failures(self) -> int:
        loads = [*self.fast.values(), *self.slow.values()]
        return sum(load.failures for load in loads)


def measure(system: System, upstream: Running, plan: Plan) -> Figures:
    server = system.server
    time.sleep(SETTLING)
    idle_rss, idle_threads = server.resident(), server.threads()
    system.fill(range(1, max(CONTACTS, *plan.connections)))
    one_client(system, upstream, AT_ONCE, plan.turns // 2, 1)  # warm
    store_before = system.store.cpu() if system.store else None
    figures = Figures(
        name=system.name,
        idle_rss=idle_rss,
        idle_threads=idle_threads,
        one=one_client(system, upstream, AT_ONCE, plan.turns, plan.blocks),
        eight=one_client(system, upstream, IN_EIGHT, plan.turns, plan.blocks),
    )
    if system.store and store_before:
        spent = system.store.cpu().since(store_before)
        figures.store_cpu = spent.per(2 * plan.turns).total
    if system.key:
        figures.first_token, figures.streamed = streams(system, upstream, plan.streams)
    for number in plan.connections:
        figures.fast[number] = load(
            system, number, AT_ONCE, SPREAD_AT_ONCE, plan.window
        )
    for number in plan.slow_connections:
        figures.slow[number] = load(
            system, number, AFTER_A_SECOND, SECOND, plan.slow_window
        )
    figures.rss, figures.threads = server.resident(), server.threads()
    return figures


def one_client(
    system: System, upstream: Running, script: Script, turns: int, blocks: int
) -> Added:
    """Ask by turns the system and the upstream, a block of each at a time."""
    size = turns // blocks
    through: list[Timing] = []
    direct: list[Timing] = []
    spent: list[Cpu] = []
    asked = ask_directly(script)
    with Client(system.server.port) as bot, Client(upstream.port) as caller:
        for block in range(blocks):
            direct += [caller.ask(asked) for _ in range(size)]
            numbers = range(block * size, (block + 1) * size)
            before = system.server.cpu()
            through += [bot.ask(system.request(n % CONTACTS, script)) for n in numbers]
            spent.append(system.server.cpu().since(before))
    times = sorted(timing.whole for timing in through)
    usual = statistics.median(timing.whole for timing in direct)
    total = Cpu(sum(cpu.user for cpu in spent), sum(cpu.system for cpu in spent))
    return Added(
        p50=(statistics.median(times) - usual) * 1000,
        p95=(times[len(times) * 95 // 100] - usual) * 1000,
        direct=usual * 1000,
        cpu=total.per(len(through)),
    )


def streams(system: System, upstream: Running, turns: int) -> tuple[float, Added]:
    """Return by how many milliseconds the first token is late, and the whole."""
    through: list[Timing] = []
    direct: list[Timing] = []
    asked = ask_directly(IN_PIECES, stream=True)
    with Client(system.server.port) as bot, Client(upstream.port) as caller:
        before = system.server.cpu()
        for number in range(turns):
            direct.append(caller.ask(asked, FIRST_DATA))
            request = system.request(number % CONTACTS, IN_PIECES, stream=True)
            through.append(bot.ask_anew(request, FIRST_DELTA))
        cpu = system.server.cpu().since(before)
    late = statistics.median(t.first for t in through) - statistics.median(
        t.first for t in direct
    )
    times = sorted(timing.whole for timing in through)
    usual = statistics.median(timing.whole for timing in direct)
    added = Added(
        p50=(statistics.median(times) - usual) * 1000,
        p95=(times[len(times) * 95 // 100] - usual) * 1000,
        direct=usual * 1000,
        cpu=cpu.per(turns),
    )
    return late * 1000, added


def load(
    system: System, connections: int, script: Script, spread: float, window: float
) -> Load[Cpu]:
    return run_load(
        system.server.port,
        connections,
        partial(system.request, script=script),
        spread=spread,
        window=window,
        sample=system.server.cpu,
    )


def at_sizes(system: System, upstream: Running, plan: Plan) -> list[tuple[int, Added]]:
    """Measure one client's turns as the store grows; its messages, and the figures."""
    found: list[tuple[int, Added]] = []
    stored = system.fill(range(1, CONTACTS), times=ROUNDS)
    contacts = CONTACTS
    for size in plan.sizes:
        missing = max(size - stored, 0) // (HISTORY * ROUNDS)
        stored += system.fill(range(contacts, contacts + missing), times=ROUNDS)
        contacts += missing
        time.sleep(SETTLING)
        one_client(system, upstream, AT_ONCE, plan.turns // 2, 1)  # warm
        added = one_client(system, upstream, AT_ONCE, plan.turns, plan.blocks)
        found.append((stored, added))
        stored += 2 * (plan.turns + plan.turns // 2)
    return found
