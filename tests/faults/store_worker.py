"""What the processes of the store's fault tests do."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure

from app.repositories.embedded import EmbeddedClient

OUT_OF_DISK_SPACE = 14031


def in_threads(number: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(mine: int) -> None:
        try:
            work(mine)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(mine,)) for mine in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def write_until_killed(path: str, acknowledged: str, name: str) -> None:
    """Insert, increment and write in bulk; note each acknowledged id in a file."""
    database = EmbeddedClient(path)["faults"]
    notes = os.open(acknowledged, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(identity: str) -> None:
        os.write(notes, f"{identity}\n".encode())

    def work(mine: int) -> None:
        number = 0
        while True:
            number += 1
            identity = f"{name}-{mine}-{number}"
            document = {"_id": identity, "group": number % 7, "tags": [mine, number]}
            if mine == 0:
                database["things"].insert_one({**document, "unique": identity})
                note(identity)
            elif mine == 1:
                database["counters"].find_one_and_update(
                    {"_id": name}, {"$inc": {"n": 1}}, upsert=True
                )
                note("+1")
            else:
                database["things"].bulk_write(
                    [
                        InsertOne({**document, "unique": identity}),
                        UpdateOne({"_id": identity}, {"$push": {"tags": -1}}),
                    ]
                )
                note(identity)

    in_threads(3, work)


def write_together_until_killed(path: str, acknowledged: str, name: str) -> None:
    """Write each id to two collections and count it, as one; note the ids."""
    client = EmbeddedClient(path)
    db = client["faults"]
    notes = os.open(acknowledged, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def work(mine: int) -> None:
        number = 0
        while True:
            number += 1
            identity = f"{name}-{mine}-{number}"
            with client.together():
                db["things"].insert_one({"_id": identity, "unique": identity})
                db["counters"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
                db["others"].insert_one({"_id": identity})
            os.write(notes, f"{identity}\n".encode())

    in_threads(3, work)


def count_together(path: str, threads: int, rounds: int) -> None:
    counters = EmbeddedClient(path)["faults"]["counters"]

    def work(_: int) -> None:
        for _ in range(rounds):
            counters.update_one({"_id": "shared"}, {"$inc": {"n": 1}}, upsert=True)

    in_threads(threads, work)


def upsert_together(path: str, threads: int, rounds: int) -> None:
    """Make the same contacts from all sides; some may lose the race."""
    contacts = EmbeddedClient(path)["faults"]["contacts"]

    def work(mine: int) -> None:
        for number in range(rounds):
            contacts.update_one(
                {"channel": "wa", "contact": number},
                {"$inc": {"seen": 1}, "$setOnInsert": {"by": mine}},
                upsert=True,
            )
            try:
                contacts.insert_one({"channel": "wa", "contact": number})
            except DuplicateKeyError:
                continue
            raise AssertionError("a second contact was stored")

    in_threads(threads, work)


def claim_together(path: str, threads: int, claimed: str) -> None:
    jobs = EmbeddedClient(path)["faults"]["jobs"]

    def work(_: int) -> None:
        while True:
            job = jobs.find_one_and_update(
                {"status": "queued", "run_at": {"$lte": 1000}},
                {"$set": {"status": "running"}},
                sort=[("run_at", 1)],
                return_document=ReturnDocument.AFTER,
            )
            if job is None:
                return
            with Path(claimed).open("a") as file:
                file.write(f"{job['_id']}\n")

    in_threads(threads, work)


def hold_the_lock(path: str, ready: str, seconds: float) -> None:
    """Stay in the middle of a write."""
    client = EmbeddedClient(path)

    def work(_: Any) -> None:
        Path(ready).touch()
        time.sleep(seconds)

    client._engine.write(work, durable=False)
    client.close()


def fill_the_disk(folder: Path) -> None:
    """Write until nothing fits, make room, and write again."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(300_000))
    things = EmbeddedClient(folder / "store.db")["faults"]["things"]
    things.create_index("group")
    acknowledged: list[Any] = []
    refused = 0
    while refused < 5:
        number = len(acknowledged)
        try:
            things.insert_one({"_id": number, "group": number % 3, "text": "x" * 900})
        except OperationFailure as error:
            if error.code != OUT_OF_DISK_SPACE:
                raise
            refused += 1
        else:
            acknowledged.append(number)
    assert len(acknowledged) > 30
    check_filled(things, acknowledged)
    ballast.unlink()
    things.insert_one({"_id": "after", "group": 9})
    check_filled(things, [*acknowledged, "after"])
    sys.stdout.write("works again\n")


def check_filled(things: Any, acknowledged: list[Any]) -> None:
    found = [document["_id"] for document in things.find({}, ["_id"])]
    assert sorted(map(str, found)) == sorted(map(str, acknowledged))


if __name__ == "__main__":
    fill_the_disk(Path(sys.argv[1]))
