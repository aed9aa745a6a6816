"""Nothing acknowledged is lost, nothing happens twice, whoever dies or races."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from app.repositories.embedded import EmbeddedClient
from tests.faults import store_worker
from tests.support.store_backends import assert_indexes_agree

KILLS = 20


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.store_worker"])
    return context


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedClient]:
    with EmbeddedClient(tmp_path / "store.db") as client:
        yield client


def run_four(processes: ForkServerContext, target: Any, *arguments: Any) -> None:
    running = [processes.Process(target=target, args=arguments) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0


def test_a_killed_writer_loses_nothing_acknowledged(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    path = tmp_path / "store.db"
    with EmbeddedClient(path) as client:
        things = client["faults"]["things"]
        things.create_index("unique", unique=True, sparse=True)
        things.create_index([("group", 1), ("_id", -1)])
        things.create_index("tags")
    random_delays = random.Random(7)
    acknowledged: list[str] = []
    increments: Counter[str] = Counter()

    for kill in range(KILLS):
        name = f"k{kill}"
        notes = tmp_path / name
        process = processes.Process(
            target=store_worker.write_until_killed, args=(str(path), str(notes), name)
        )
        process.start()
        while not notes.exists():
            time.sleep(0.005)
        time.sleep(random_delays.uniform(0.02, 0.25))
        process.kill()
        process.join(10)
        told = notes.read_text().split()
        increments[name] = told.count("+1")
        acknowledged += [identity for identity in told if identity != "+1"]

        with EmbeddedClient(path) as client:
            things = client["faults"]["things"]
            found = [document["_id"] for document in things.find({}, ["_id"])]
            assert len(found) == len(set(found))
            assert set(acknowledged) <= set(found)
            counted = client["faults"]["counters"].find_one({"_id": name}) or {"n": 0}
            assert increments[name] <= counted["n"] <= increments[name] + 1
            assert_indexes_agree(client["faults"]["things"])

    assert len(acknowledged) > KILLS
    assert sum(increments.values()) > KILLS


def test_a_killed_writer_leaves_blocks_whole_or_not_at_all(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    path = tmp_path / "store.db"
    with EmbeddedClient(path) as client:
        client["faults"]["things"].create_index("unique", unique=True, sparse=True)
    random_delays = random.Random(11)
    acknowledged = 0

    for kill in range(KILLS):
        notes = tmp_path / f"t{kill}"
        process = processes.Process(
            target=store_worker.write_together_until_killed,
            args=(str(path), str(notes), f"t{kill}"),
        )
        process.start()
        while not notes.exists():
            time.sleep(0.005)
        time.sleep(random_delays.uniform(0.02, 0.15))
        process.kill()
        process.join(10)
        told = set(notes.read_text().split())
        acknowledged += len(told)

        with EmbeddedClient(path) as client:
            db = client["faults"]
            things = {document["_id"] for document in db["things"].find({})}
            others = {document["_id"] for document in db["others"].find({})}
            assert things == others
            assert told <= things
            counted = db["counters"].find_one({"_id": 1}) or {"n": 0}
            assert counted["n"] == len(things)
            assert_indexes_agree(db["things"])

    assert acknowledged > KILLS


def test_increments_of_32_threads_are_exact(store: EmbeddedClient) -> None:
    counters = store["faults"]["counters"]

    def work(_: int) -> None:
        for _ in range(20):
            counters.update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)

    store_worker.in_threads(32, work)

    assert counters.find_one({}) == {"_id": 1, "n": 640}


def test_increments_of_four_processes_are_exact(
    tmp_path: Path, store: EmbeddedClient, processes: ForkServerContext
) -> None:
    path = str(tmp_path / "store.db")
    run_four(processes, store_worker.count_together, path, 8, 25)

    assert store["faults"]["counters"].find_one({}) == {"_id": "shared", "n": 800}


def test_unique_upserts_give_one_document(
    tmp_path: Path, store: EmbeddedClient, processes: ForkServerContext
) -> None:
    contacts = store["faults"]["contacts"]
    contacts.create_index([("channel", 1), ("contact", 1)], unique=True)
    path = str(tmp_path / "store.db")

    run_four(processes, store_worker.upsert_together, path, 8, 10)

    assert [d["seen"] for d in contacts.find().sort("contact", 1)] == [32] * 10
    assert_indexes_agree(store["faults"]["contacts"])


def test_each_job_is_handed_out_once(
    tmp_path: Path, store: EmbeddedClient, processes: ForkServerContext
) -> None:
    jobs = store["faults"]["jobs"]
    jobs.create_index([("status", 1), ("run_at", 1)])
    jobs.insert_many([{"_id": n, "status": "queued", "run_at": n} for n in range(300)])
    path = str(tmp_path / "store.db")

    run_four(processes, store_worker.claim_together, path, 8, str(tmp_path / "claimed"))

    claimed = (tmp_path / "claimed").read_text().split()
    assert sorted(map(int, claimed)) == list(range(300))
    assert jobs.count_documents({"status": "running"}) == 300
    assert_indexes_agree(store["faults"]["jobs"])


def test_an_index_made_by_another_process_is_kept_up(
    tmp_path: Path, store: EmbeddedClient
) -> None:
    things = store["faults"]["things"]
    things.insert_one({"_id": 1, "a": 1, "l": 5})
    with EmbeddedClient(tmp_path / "store.db") as other:
        others = other["faults"]["things"]
        others.create_index("a", unique=True)
        others.create_index("l")
        assert others.find_one({"l": 5})
        things.insert_one({"_id": 2, "a": 2, "l": [6, 7]})

        assert others.find_one({"l": {"$gt": 6, "$lt": 7}}) is not None
        assert others.find_one({"a": 2})["_id"] == 2  # type: ignore[index]
        others.drop()

    assert things.find_one({"a": 1}) is None
    things.insert_one({"_id": 3})
    assert things.count_documents({}) == 1
    assert_indexes_agree(store["faults"]["things"])
