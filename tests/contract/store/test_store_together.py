"""Several writes as one transaction."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from pymongo import InsertOne, UpdateOne, WriteConcern
from pymongo.errors import (
    AutoReconnect,
    DuplicateKeyError,
    InvalidOperation,
    PyMongoError,
)

from app.errors import StoreUnavailable
from app.repositories.database import connect_embedded, together
from app.repositories.embedded import durability
from tests.support.store_backends import MakeDatabase, assert_indexes_agree

FAST = WriteConcern(w=1, j=False)


@pytest.fixture
def embedded(make_database: MakeDatabase) -> Any:
    return make_database("embedded")


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what is added to at each sync of the disk."""
    seen: list[int] = []
    monkeypatch.setattr(durability, "_sync_data", seen.append)
    return seen


def elsewhere(work: Any) -> Any:
    """Return what another thread gets."""
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(work()))
    thread.start()
    thread.join()
    return got[0]


def test_what_is_written_together_is_there_afterwards(db: Any) -> None:
    with together(db):
        db["chats"].insert_one({"_id": 1, "n": 0})
        db["messages"].insert_one({"_id": "a", "chat": 1})
        db["chats"].update_one({"_id": 1}, {"$inc": {"n": 1}})

    assert db["chats"].find_one({}) == {"_id": 1, "n": 1}
    assert db["messages"].find_one({"chat": 1}) == {"_id": "a", "chat": 1}


def test_reads_see_what_was_written_before_them(db: Any) -> None:
    db["chats"].create_index("state")
    with together(db):
        db["chats"].insert_many([{"_id": n, "state": "open"} for n in range(3)])
        db["chats"].update_one({"_id": 1}, {"$set": {"state": "closed"}})

        assert db["chats"].count_documents({"state": "open"}) == 2
        assert db["chats"].find_one({"state": "closed"})["_id"] == 1
        assert [d["_id"] for d in db["chats"].find().sort("_id", -1)] == [2, 1, 0]
        assert db.list_collection_names() == ["chats"]


def test_others_see_all_of_it_or_nothing(embedded: Any) -> None:
    things = embedded["things"]
    things.insert_one({"_id": 0})

    with together(embedded):
        things.insert_one({"_id": 1})
        embedded["others"].insert_one({"_id": 2})
        assert elsewhere(lambda: things.count_documents({})) == 1
        assert elsewhere(lambda: embedded["others"].find_one({})) is None

    assert elsewhere(lambda: things.count_documents({})) == 2
    assert elsewhere(lambda: embedded["others"].find_one({})) == {"_id": 2}


def test_an_error_that_leaves_the_block_undoes_all_of_it(embedded: Any) -> None:
    things = embedded["things"]
    things.create_index("tags")
    things.insert_one({"_id": 1, "tags": "one"})

    def fail() -> None:
        with together(embedded):
            things.update_one({"_id": 1}, {"$set": {"tags": ["an", "array"]}})
            things.insert_one({"_id": 2})
            embedded["new"].insert_one({"_id": 3})
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert list(things.find({})) == [{"_id": 1, "tags": "one"}]
    assert embedded["new"].find_one({}) is None
    assert embedded.list_collection_names() == ["things"]
    assert things.find_one({"tags": "one"}) is not None
    assert_indexes_agree(things)


def test_a_write_that_fails_is_undone_alone(db: Any) -> None:
    things = db["things"]
    things.create_index("a", unique=True)
    things.insert_one({"_id": 1, "a": 1})

    with together(db):
        things.insert_one({"_id": 2, "a": 2})
        with pytest.raises(DuplicateKeyError):
            things.insert_one({"_id": 3, "a": 1})
        things.bulk_write(
            [InsertOne({"_id": 4, "a": 4}), UpdateOne({"_id": 2}, {"$set": {"b": 1}})]
        )

    assert list(things.find({}).sort("_id", 1)) == [
        {"_id": 1, "a": 1},
        {"_id": 2, "a": 2, "b": 1},
        {"_id": 4, "a": 4},
    ]


def test_a_failed_first_array_leaves_the_index_as_it_was(embedded: Any) -> None:
    things = embedded["things"]
    things.create_index("tags")
    things.create_index("a", unique=True)
    things.insert_one({"_id": 1, "a": 1})

    with together(embedded):
        with pytest.raises(DuplicateKeyError):
            things.insert_one({"_id": 2, "a": 1, "tags": ["x", "y"]})
        things.insert_one({"_id": 3, "a": 3, "tags": "x"})
        assert things.find_one({"tags": "x"})["_id"] == 3

    assert [d["_id"] for d in things.find({"tags": "x"})] == [3]
    assert_indexes_agree(things)


def test_refused_updates_of_many_leave_their_first_array_out(embedded: Any) -> None:
    things = embedded["things"]
    things.create_index("tags")
    things.create_index("a", unique=True)
    things.insert_many([{"_id": n, "a": n} for n in range(3)])

    with together(embedded):
        with pytest.raises(DuplicateKeyError):
            things.update_many({}, {"$set": {"a": 9, "tags": ["x", "y"]}})
        things.insert_one({"_id": 4, "a": 4, "tags": "x"})

    assert [d["_id"] for d in things.find({"tags": "x"})] == [4]
    assert [d["a"] for d in things.find({}).sort("a")] == [0, 1, 2, 4]
    assert_indexes_agree(things)


def refused(work: Callable[[], Any]) -> bool:
    try:
        work()
    except PyMongoError:
        return True
    return False


def random_write(chance: random.Random, things: Any) -> Callable[[], Any]:
    one, other = chance.randrange(12), chance.randrange(12)
    values = chance.sample(range(8), 3)
    document = {"_id": one, "a": other, "tags": values, "c": values[0]}
    if chance.random() < 0.3:
        del document["a"]
    return chance.choice(
        [
            lambda: things.insert_one(document),
            lambda: things.replace_one({"_id": one}, document, upsert=True),
            lambda: things.update_one({"_id": one}, {"$set": {"a": other}}),
            lambda: things.update_one(
                {"_id": one}, {"$set": {"a": other}, "$addToSet": {"tags": values[1]}}
            ),
            lambda: things.update_many({"c": values[0]}, {"$set": {"a": other}}),
            lambda: things.update_many({"c": values[0]}, {"$inc": {"a": 1}}),
            lambda: things.bulk_write(
                [
                    InsertOne(document),
                    UpdateOne({"_id": other}, {"$set": {"c": one, "tags": [one]}}),
                    UpdateOne({"_id": one}, {"$pull": {"tags": values[2]}}),
                ],
                ordered=chance.random() < 0.5,
            ),
            lambda: things.delete_one({"_id": one}),
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_refused_writes_leave_the_same_inside_a_block_and_outside(
    embedded: Any, seed: int
) -> None:
    """Outside, the transaction takes back a refused write; inside, the write does."""
    inside, outside = embedded["inside"], embedded["outside"]
    for things in (inside, outside):
        things.create_index("c")
        things.create_index("tags", unique=True)
        things.create_index([("a", 1), ("c", -1)], unique=True, sparse=True)
        things.create_index("a", unique=True, sparse=True)
    count = 0
    for block in range(20):
        with together(embedded):
            first = [
                refused(random_write(random.Random(f"{seed} {block} {n}"), inside))
                for n in range(8)
            ]
        second = [
            refused(random_write(random.Random(f"{seed} {block} {n}"), outside))
            for n in range(8)
        ]
        assert first == second
        count += sum(first)
        assert list(inside.find({}).sort("_id")) == list(outside.find({}).sort("_id"))
        assert_indexes_agree(inside)
    assert count > 20


def test_an_index_that_cannot_be_unique_leaves_nothing(embedded: Any) -> None:
    things = embedded["things"]
    with together(embedded):
        things.insert_many([{"_id": n, "a": 1} for n in range(3)])
        with pytest.raises(DuplicateKeyError):
            things.create_index("a", unique=True)
        things.insert_one({"_id": 4, "a": 1})

    assert list(things.index_information()) == ["_id_"]
    assert things.count_documents({"a": 1}) == 4


def test_one_sync_serves_the_whole_block(embedded: Any, syncs: list[int]) -> None:
    with together(embedded):
        embedded["things"].insert_one({"_id": 1})
        embedded["others"].insert_one({"_id": 2})
        assert syncs == []
    assert len(syncs) == 1


def test_a_block_without_a_durable_write_waits_for_no_disk(
    embedded: Any, syncs: list[int]
) -> None:
    with together(embedded):
        embedded["things"].with_options(write_concern=FAST).insert_one({"_id": 1})
    assert syncs == []


def test_a_duplicate_told_in_a_block_is_on_the_disk_when_it_ends(
    embedded: Any, syncs: list[int]
) -> None:
    things = embedded["things"]
    things.with_options(write_concern=FAST).insert_one({"_id": 1})

    with together(embedded), pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 1})

    assert len(syncs) == 1


def test_blocks_are_not_put_into_each_other(embedded: Any) -> None:
    def nest() -> None:
        with together(embedded):
            embedded["things"].insert_one({"_id": 1})
            with together(embedded):
                embedded["things"].insert_one({"_id": 2})

    with pytest.raises(InvalidOperation):
        nest()
    assert embedded["things"].find_one({}) is None


def test_a_store_that_fails_in_the_middle_fails_the_whole_block(
    embedded: Any,
) -> None:
    def break_off(_: Any) -> None:
        raise apsw.IOError("disk I/O error")

    def write() -> None:
        with together(embedded):
            embedded["things"].insert_one({"_id": 1})
            with pytest.raises(AutoReconnect):
                embedded["things"]._engine.write(break_off, durable=False)
            with pytest.raises(AutoReconnect):
                embedded["things"].insert_one({"_id": 2})
            with pytest.raises(AutoReconnect):
                embedded["things"].find_one({})

    with pytest.raises(StoreUnavailable):
        write()

    assert embedded["things"].find_one({}) is None
    embedded["things"].insert_one({"_id": 3})
    assert embedded["things"].count_documents({}) == 1


def test_a_store_that_cannot_commit_is_an_error_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    client, db = connect_embedded(folder)
    with client:
        db["things"].insert_one({"_id": 1})

        def write() -> None:
            with together(db):
                db["things"].insert_one({"_id": 2})
                folder.rename(tmp_path / "away")

        with pytest.raises(StoreUnavailable):
            write()
