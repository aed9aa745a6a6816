"""The figures of knowledge as tables, and what they are held against."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.knowledge_indexing import Disturbed, Indexed
from benchmarks.knowledge_search import Times
from benchmarks.report import Judged, Rows

SEARCHABLE = 5.0  # seconds
CHATS = 2.0  # times idle
LEXICAL, FUSED = 3.0, 6.0  # milliseconds
RESIDENT = 400.0  # megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexing:
    """How long documents took on each store; seconds of PDFium alone."""

    pages: int
    alone: float
    documents: dict[str, list[Indexed]]


@dataclass(slots=True, kw_only=True)
class Searching:
    """Times by what was searched; ``first``: each assistant's first search.

    ``resident`` are the megabytes of the server, by what it had done before.
    """

    chunks: int
    recall: float = 0.0
    times: dict[str, Times] = field(default_factory=dict)
    first: dict[str, Times] = field(default_factory=dict)
    resident: dict[str, float] = field(default_factory=dict)


def indexing_rows(indexing: Indexing) -> Rows:
    rows: Rows = [
        ("PDFium alone, s", [f"{indexing.alone:.2f}"] * len(indexing.documents))
    ]
    for name, figure in (
        ("first document, s", _first),
        ("later ones, s (median)", _later),
        ("slowest, s", _slowest),
        ("upload answered, s (median)", _uploaded),
        ("CPU of the server, s (median)", _server),
        ("CPU of the reading process, s (median)", _reader),
    ):
        seconds = [figure(found) for found in indexing.documents.values()]
        rows.append((name, [f"{each:.2f}" for each in seconds]))
    for name, figure in (("first document", _first), ("later ones", _later)):
        times = [figure(f) / indexing.alone for f in indexing.documents.values()]
        rows.append((f"{name}, beside PDFium alone", [f"{x:.1f} x" for x in times]))
    chunks = [str(found[0].chunks) for found in indexing.documents.values()]
    rows.append(("chunks of the first", chunks))
    return rows


def chat_rows(disturbed: dict[int, Disturbed]) -> Rows:
    rows: Rows = []
    for delay, found in disturbed.items():
        for name, latencies in (
            ("idle", found.before),
            ("while indexing", found.during),
            ("idle again", found.after),
        ):
            title = f"upstream {delay} ms, {name}"
            cells = [f"{at(latencies, part):.0f}" for part in (0.5, 0.95, 0.99)]
            rows.append((title, [*cells, str(len(latencies))]))
        ratio = at(found.during, 0.95) / at(found.before, 0.95)
        took = f"{found.documents} documents in {found.seconds:.0f} s"
        rows.append((f"… beside idle; {took}", ["", f"{ratio:.2f} x", "", ""]))
    return rows


def search_rows(searching: Searching) -> Rows:
    rows: Rows = []
    for name, times in searching.times.items():
        first = searching.first.get(name)
        cells = [f"{times.p50:.2f}", f"{times.p95:.2f}", f"{times.cpu:.2f}"]
        rows.append((name, [*cells, f"{first.p50:.1f}" if first else "–"]))
    return rows


def memory_rows(searching: Searching) -> Rows:
    return [(name, [f"{size:.0f}"]) for name, size in searching.resident.items()]


def judge(
    indexing: Indexing | None,
    disturbed: dict[int, Disturbed],
    searching: Searching | None,
) -> list[Judged]:
    found: list[Judged] = []
    if indexing:
        name, documents = next(iter(indexing.documents.items()))
        title = f"{indexing.pages} pages until searchable, slowest, s"
        found.append(Judged(title, name, _slowest(documents), SEARCHABLE))
    for delay, one in list(disturbed.items())[:1]:
        ratio = at(one.during, 0.95) / at(one.before, 0.95)
        title = f"chat p95 while indexing / idle, upstream {delay} ms"
        found.append(Judged(title, "embedded", ratio, CHATS))
        found.append(Judged("chats that failed", "embedded", one.failures, 0))
    if searching:
        chunks = f"{searching.chunks:,} chunks"
        for name, bound in (("lexical", LEXICAL), ("fused", FUSED)):
            p50 = searching.times[name].p50
            found.append(Judged(f"{name} search p50, ms", chunks, p50, bound))
        recall = searching.recall
        found.append(Judged("recall@10 of vectors", chunks, recall, 1, at_least=True))
        most = max(searching.resident.values())
        found.append(Judged("RSS of the server, MB", chunks, most, RESIDENT))
    return found


def at(latencies: Sequence[float], part: float) -> float:
    """Return the milliseconds within which that part of the chats was answered."""
    return latencies[int(len(latencies) * part)] * 1000 if latencies else float("nan")


def _first(found: Sequence[Indexed]) -> float:
    return found[0].found


def _later(found: Sequence[Indexed]) -> float:
    return statistics.median(one.found for one in found[1:] or found)


def _slowest(found: Sequence[Indexed]) -> float:
    return max(one.found for one in found)


def _uploaded(found: Sequence[Indexed]) -> float:
    return statistics.median(one.uploaded for one in found)


def _server(found: Sequence[Indexed]) -> float:
    return statistics.median(one.server.total for one in found)


def _reader(found: Sequence[Indexed]) -> float:
    return statistics.median(one.reader.total for one in found)
