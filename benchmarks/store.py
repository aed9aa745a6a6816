"""What the embedded store does per second, beside plain SQLite in the same run.

python benchmarks/store.py [--million] [--folder FOLDER]
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import bson
from bson import ObjectId
from pymongo import InsertOne, ReturnDocument, WriteConcern

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.repositories.embedded import EmbeddedClient

FAST = WriteConcern(w=1, j=False)
SECONDS = 1.0
CHATS = 200
SEPARATE = 10_000_000  # the second run's messages have other numbers
TEXT = "What are your opening hours on Sunday? " * 3


def message(number: int, apart: str = "") -> dict[str, Any]:
    return {
        "_id": str(ObjectId()),
        "chat_id": f"{apart}chat{number % CHATS}",
        "seq": number // CHATS,
        "author": "contact",
        "text": TEXT,
    }


def per_second(work: Callable[[int], object], seconds: float = SECONDS) -> float:
    done = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(20):
            work(done)
            done += 1
    return done / (time.perf_counter() - started)


def report(name: str, rate: float, reference: float, what: str) -> None:
    print(f"{name:<44}{rate:>10,.0f}/s   {rate / reference:5.2f} x {what}", flush=True)


class PlainSqlite:
    """The least a store could do: one BSON row and one index, without questions."""

    def __init__(self, folder: Path) -> None:
        self._connection = apsw.Connection(str(folder / "plain.db"))
        for line in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = NORMAL",
            "CREATE TABLE rows(id TEXT PRIMARY KEY, chat TEXT, seq INTEGER, doc BLOB)",
            "CREATE UNIQUE INDEX by_chat ON rows(chat, seq)",
        ):
            self._connection.execute(line).fetchall()

    def insert(self, number: int) -> None:
        document = message(number)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "INSERT INTO rows VALUES(?, ?, ?, ?)",
            (
                document["_id"],
                document["chat_id"],
                document["seq"],
                bson.encode(document),
            ),
        )
        self._connection.execute("COMMIT")

    def find(self, number: int) -> None:
        found = self._connection.execute(
            "SELECT doc FROM rows WHERE chat = ? AND seq = ?",
            (f"chat{number % CHATS}", number // CHATS % 5),
        ).get
        if not isinstance(found, bytes):  # not found
            raise LookupError(number)  # noqa: TRY004
        bson.decode(found)


def sync_time(folder: Path) -> float:
    """Return the milliseconds that the disk takes to sync a page."""
    with (folder / "sync").open("wb") as file:
        times = []
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def measure_finds(messages: Any, size: int, plain: float) -> None:
    seqs = max(size // CHATS, 1)

    def by_unique(number: int) -> None:
        chat = number * 7919 % CHATS
        seq = number * 104_729 % seqs
        if messages.find_one({"chat_id": f"chat{chat}", "seq": seq}) is None:
            raise LookupError(chat, seq)

    def last_six(number: int) -> None:
        chat = f"chat{number * 7919 % CHATS}"
        list(messages.find({"chat_id": chat}).sort("seq", -1).limit(6))

    name = f"at {size:,} documents"
    report(f"find_one by a unique index {name}", per_second(by_unique), plain, "SQLite")
    report(f"last six of a chat {name}", per_second(last_six), plain, "SQLite (one)")


def fill(messages: Any, start: int, end: int) -> float:
    started = time.perf_counter()
    for at in range(start, end, 1000):
        messages.bulk_write(
            [InsertOne(message(number)) for number in range(at, min(at + 1000, end))]
        )
    return (end - start) / (time.perf_counter() - started)


def insert_apart(messages: Any, apart: str, number: int) -> None:
    messages.insert_one(message(number, apart))


def durable_writes(messages: Any, threads: int, disk: float) -> None:
    times: list[float] = []
    stop = time.perf_counter() + SECONDS * 2

    def work(mine: int) -> None:
        number = 0
        while time.perf_counter() < stop:
            document = message(number, f"{threads} {mine} ")
            started = time.perf_counter()
            messages.insert_one(document)
            times.append(time.perf_counter() - started)
            number += 1

    running = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    times.sort()
    p50, p99 = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.99))
    print(
        f"durable insert, {threads:>2} threads"
        f"{len(times) / SECONDS / 2:>29,.0f}/s   p50 {p50:.2f} ms"
        f"  p99 {p99:.2f} ms  ({p50 / disk:.1f} and {p99 / disk:.1f} syncs)",
        flush=True,
    )


def measure(folder: Path, *, million: bool) -> None:
    disk = sync_time(folder)
    print(f"the disk syncs a page in {disk:.2f} ms (median)")
    plain = PlainSqlite(folder)
    plain_inserts = per_second(plain.insert)
    plain_finds = per_second(plain.find)
    print(f"plain SQLite: {plain_inserts:,.0f} inserts/s, {plain_finds:,.0f} finds/s")
    with EmbeddedClient(folder / "store.db") as client:
        messages = client["bench"]["messages"]
        messages.create_index([("chat_id", 1), ("seq", 1)], unique=True)
        fast = messages.with_options(write_concern=FAST)
        fill(messages, 0, 1000)
        measure_finds(messages, 1000, plain_finds)
        rate = per_second(partial(insert_apart, fast, "first "))
        report("insert_one, not synced", rate, plain_inserts, "SQLite")
        durable_writes(messages, 1, disk)
        durable_writes(messages, 64, disk)
        for size, start in ((100_000, 1000), (1_000_000, 100_000)):
            if size == 1_000_000 and not million:
                break
            rate = fill(messages, start, size)
            report(f"bulk insert up to {size:,}", rate, plain_inserts, "SQLite")
            measure_finds(messages, size, plain_finds)
            rate = per_second(partial(insert_apart, fast, f"{size} "))
            report(f"insert_one at {size:,}, not synced", rate, plain_inserts, "SQLite")
        chats = client["bench"]["chats"].with_options(write_concern=FAST)
        chats.insert_many([{"_id": n, "seq": 0, "text": TEXT} for n in range(CHATS)])
        rate = per_second(
            lambda number: chats.find_one_and_update(
                {"_id": number % CHATS},
                {"$inc": {"seq": 1}, "$set": {"state": "busy"}},
                return_document=ReturnDocument.AFTER,
            )
        )
        report("find_one_and_update, not synced", rate, plain_inserts, "SQLite insert")
        others = client["bench"]["others"].with_options(write_concern=FAST)

        def write_three(number: int) -> None:
            insert_apart(fast, "three ", number)
            chats.update_one({"_id": number % CHATS}, {"$inc": {"seq": 1}})
            others.insert_one({"text": TEXT})

        def write_three_together(number: int) -> None:
            with client.together():
                write_three(SEPARATE + number)

        rate = per_second(write_three)
        report("three writes, one by one", rate, plain_inserts, "SQLite insert")
        rate = per_second(write_three_together)
        report("three writes together", rate, plain_inserts, "SQLite insert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="go up to 1 M documents")
    parser.add_argument("--folder", type=Path, help="where to put the files")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        measure(folder, million=arguments.million)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
