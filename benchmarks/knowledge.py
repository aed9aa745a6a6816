"""What knowledge costs: to index it, to chat meanwhile, and to search much of it.

    python benchmarks/knowledge.py [--quick] [--markdown] [--folder FOLDER]
                                   [--part indexing|chats|search]

All text is made, with words as frequent as in a language. The servers are processes
by themselves, as they come; 2 cores are shared by all that takes part.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.repositories.database import connect_embedded
from app.repositories.search_index import SearchIndex
from benchmarks import knowledge_report as tables
from benchmarks import report
from benchmarks.knowledge_corpus import Corpus, Question, write_corpus
from benchmarks.knowledge_embeddings import MODEL
from benchmarks.knowledge_indexing import (
    Disturbed,
    disturb_chats,
    index_documents,
    time_to_read,
)
from benchmarks.knowledge_references import PlainFts, brute_force, nearest_alone
from benchmarks.knowledge_search import Searcher, over_http, recall, timed
from benchmarks.knowledge_site import Site, embedded_site, embeddings_in, wire_site
from benchmarks.processes import sync_time
from benchmarks.systems import upstream_in
from tests.servers.mongo_wire import CannotStart

OFFLINE = {"LLM_PROVIDER": "offline"}
RECALLED = 200  # questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is made.

    ``documents`` of ``pages`` are timed one after the other, ``more`` at once while
    chats go on; of the upstream's ``delays``, in milliseconds, the first is judged.
    ``chunks`` are those of each assistant, ``asked`` the questions to all of them.
    """

    pages: int
    documents: int
    more: int
    idle: float
    delays: tuple[int, ...]
    assistants: int
    chunks: int
    asked: int
    dimensions: int = 1024
    other_dimensions: tuple[int, ...] = ()


QUICK = Plan(
    pages=60,
    documents=2,
    more=3,
    idle=2.0,
    delays=(100,),
    assistants=5,
    chunks=400,
    asked=100,
)
WHOLE = Plan(
    pages=300,
    documents=5,
    more=10,
    idle=10.0,
    delays=(100, 1000),
    assistants=50,
    chunks=2000,
    asked=2000,
    other_dimensions=(256, 1536),
)


def index(folder: Path, plan: Plan) -> tables.Indexing:
    found = {}
    count, pages = plan.documents, plan.pages
    with embedded_site(folder / "embedded", OFFLINE) as site:
        found["embedded"] = index_documents(site, documents=count, pages=pages)
    try:
        with wire_site(folder / "wire", OFFLINE) as site:
            found["wire"] = index_documents(site, documents=count, pages=pages)
    except CannotStart as reason:
        print(f"no wire server: {reason}")
    alone = time_to_read(pages)
    return tables.Indexing(pages=pages, alone=alone, documents=found)


def chat(folder: Path, plan: Plan) -> dict[int, Disturbed]:
    found = {}
    with upstream_in(folder) as upstream:
        address = {"OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1"}
        for delay in plan.delays:
            with embedded_site(folder / f"chats-{delay}", address) as site:
                found[delay] = disturb_chats(
                    site,
                    delay=delay,
                    documents=plan.more,
                    pages=plan.pages,
                    idle=plan.idle,
                )
    return found


def search(folder: Path, plan: Plan) -> tables.Searching:
    place = folder / "search"
    found = tables.Searching(chunks=plan.assistants * plan.chunks)
    with embedded_site(place, OFFLINE) as site:
        found.resident["idle"] = site.server.resident()
        names = [site.add_assistant()[0] for _ in range(plan.assistants)]
        client, db = connect_embedded(place / "data")
        index = SearchIndex(place / "data" / "search.sqlite3")
        corpus = write_corpus(
            db, index, names, chunks=plan.chunks, dimensions=plan.dimensions
        )
        asked = corpus.some(plan.asked)
        for name, fused in (("lexical", False), ("fused", True)):
            searcher = Searcher(db, index, corpus, fused=fused)
            _time(found, name, searcher.search, corpus, asked)
        found.recall = recall(index, corpus, asked[:RECALLED])
        _time_over_http(found, "lexical over HTTP", site, corpus, asked)
        found.resident["after lexical searches of all"] = site.server.resident()
    with embeddings_in(folder, plan.dimensions) as embeddings:
        address = f"http://127.0.0.1:{embeddings.port}/v1"
        model = {"EMBEDDING_MODEL": MODEL, "EMBEDDING_BASE_URL": address}
        with embedded_site(place, OFFLINE | model) as site:
            _time_over_http(found, "fused over HTTP", site, corpus, asked)
            found.resident["after fused searches of all"] = site.server.resident()
    with closing(PlainFts(folder / "plain.sqlite3", db, corpus)) as plain:
        _time(found, "a plain FTS5 table", plain.search, corpus, asked)
    found.times["numpy's product alone"] = brute_force(corpus, asked)
    index.close()
    client.close()
    return found


def search_by_meaning(folder: Path, plan: Plan, found: tables.Searching) -> None:
    """Time that part alone, with vectors of several lengths."""
    for dimensions in (plan.dimensions, *plan.other_dimensions):
        path = folder / f"vectors-{dimensions}.sqlite3"
        with closing(SearchIndex(path)) as index:
            mixed, one = nearest_alone(
                index,
                assistants=plan.assistants,
                chunks=plan.chunks,
                dimensions=dimensions,
                count=plan.asked // 4,
            )
        found.times[f"by meaning alone, {dimensions} dimensions"] = mixed
        found.times[f"… of one assistant, {dimensions} dimensions"] = one
        path.unlink()


def _time(
    found: tables.Searching,
    name: str,
    search: Callable[[Question], object],
    corpus: Corpus,
    asked: Sequence[Question],
) -> None:
    found.first[name] = timed(search, corpus.first_of_each())
    found.times[name] = timed(search, asked)


def _time_over_http(
    found: tables.Searching,
    name: str,
    site: Site,
    corpus: Corpus,
    asked: Sequence[Question],
) -> None:
    found.first[name] = over_http(site, corpus, corpus.first_of_each())
    found.times[name] = over_http(site, corpus, asked)


def run(folder: Path, plan: Plan, part: str | None, *, markdown: bool) -> None:
    began = time.perf_counter()
    print(
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f};"
        f" the disk syncs 4 kB in {sync_time(folder):.2f} ms (median)"
    )
    indexing = index(folder, plan) if part in {None, "indexing"} else None
    disturbed = chat(folder, plan) if part in {None, "chats"} else {}
    searching = search(folder, plan) if part in {None, "search"} else None
    if searching:
        search_by_meaning(folder, plan, searching)
    for title, heads, rows in (
        (
            f"a document of {plan.pages} pages",
            list(indexing.documents) if indexing else [],
            tables.indexing_rows(indexing) if indexing else [],
        ),
        (
            "chats, ms; 8 connections",
            ["p50", "p95", "p99", "chats"],
            tables.chat_rows(disturbed),
        ),
        (
            "a search, ms",
            ["p50", "p95", "CPU", "first p50"],
            tables.search_rows(searching) if searching else [],
        ),
        (
            "RSS of the server",
            ["MB"],
            tables.memory_rows(searching) if searching else [],
        ),
        (
            "targets",
            ["figure", "bound", ""],
            report.judged_rows(tables.judge(indexing, disturbed, searching)),
        ),
    ):
        report.show(title, heads, rows, markdown=markdown)
    print(
        f"\n{time.perf_counter() - began:.0f} s;"
        f" load average {os.getloadavg()[0]:.1f} at the end"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in about a minute")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--folder", type=Path, help="where to put the data")
    parser.add_argument("--part", choices=("indexing", "chats", "search"))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        plan = QUICK if given.quick else WHOLE
        run(folder, plan, given.part, markdown=given.markdown)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
