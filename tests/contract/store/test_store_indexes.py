"""Indexes: what they refuse, what they hold, how they are described."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure


def test_a_unique_index_refuses_a_second(things: Any) -> None:
    things.create_index("email", unique=True)
    things.insert_one({"_id": 1, "email": "a@b"})

    with pytest.raises(DuplicateKeyError) as refused:
        things.insert_one({"_id": 2, "email": "a@b"})

    assert refused.value.code == 11000
    assert things.count_documents({}) == 1


def test_an_id_is_unique(things: Any) -> None:
    things.insert_one({"_id": 1})

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 1})


def test_a_duplicate_names_the_fields_and_the_values(things: Any) -> None:
    things.create_index([("a", 1), ("b", -1)], unique=True)
    things.insert_one({"a": 1, "b": "x"})

    with pytest.raises(DuplicateKeyError) as refused:
        things.insert_one({"a": 1, "b": "x"})
    with pytest.raises(DuplicateKeyError) as by_id:
        things.insert_many([{"_id": 7}]) and things.insert_one({"_id": 7, "a": 2})

    details = refused.value.details
    assert details is not None
    assert details["keyPattern"] == {"a": 1, "b": -1}
    assert details["keyValue"] == {"a": 1, "b": "x"}
    assert "a_1_b_-1" in details["errmsg"]
    assert by_id.value.details is not None
    assert by_id.value.details["keyValue"] == {"_id": 7}


def test_a_compound_unique_index_looks_at_all_its_fields(things: Any) -> None:
    things.create_index([("chat_id", 1), ("seq", 1)], unique=True)
    things.insert_many([{"chat_id": "a", "seq": 1}, {"chat_id": "a", "seq": 2}])
    things.insert_one({"chat_id": "b", "seq": 1})

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"chat_id": "a", "seq": 2})


def test_a_missing_field_counts_as_null_for_uniqueness(things: Any) -> None:
    things.create_index("a", unique=True)
    things.insert_one({"_id": 1})

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 2, "a": None})


def test_a_sparse_unique_index_leaves_out_what_lacks_the_field(things: Any) -> None:
    things.create_index("a", unique=True, sparse=True)
    things.insert_many([{"_id": 1}, {"_id": 2}, {"_id": 3, "a": "x"}])

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"a": "x"})
    assert things.count_documents({}) == 3
    assert [d["_id"] for d in things.find().sort("a", 1)][-1] == 3


def test_numbers_of_different_types_are_the_same_key(things: Any) -> None:
    things.create_index("n", unique=True)
    things.insert_many([{"n": 1}, {"n": True}, {"n": "1"}])

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"n": 1.0})


def test_a_unique_index_on_an_array_holds_for_each_element(things: Any) -> None:
    things.create_index("tags", unique=True)
    things.insert_one({"_id": 1, "tags": ["a", "b", "a"]})
    things.insert_one({"_id": 2, "tags": ["c"]})

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 3, "tags": ["d", "b"]})
    with pytest.raises(DuplicateKeyError):
        things.update_one({"_id": 2}, {"$push": {"tags": "a"}})
    things.update_one({"_id": 1}, {"$pull": {"tags": "a"}})
    things.update_one({"_id": 2}, {"$push": {"tags": "a"}})
    assert [d["_id"] for d in things.find({"tags": "a"})] == [2]


def test_a_unique_index_below_an_array(things: Any) -> None:
    things.create_index("keys.hash", unique=True, sparse=True)
    things.insert_one({"_id": 1, "keys": [{"hash": "x"}, {"hash": "y"}]})
    things.insert_one({"_id": 2})

    with pytest.raises(DuplicateKeyError):
        things.insert_one({"_id": 3, "keys": [{"hash": "y"}]})
    assert things.find_one({"keys.hash": "y"})["_id"] == 1


def test_a_refused_write_leaves_no_trace(things: Any) -> None:
    things.create_index("a", unique=True)
    things.create_index("b")
    things.insert_many([{"_id": 1, "a": 1, "b": 1}, {"_id": 2, "a": 2, "b": 2}])

    with pytest.raises(DuplicateKeyError):
        things.update_one({"_id": 2}, {"$set": {"a": 1, "b": 9}})

    assert things.find_one({"b": 9}) is None
    assert things.find_one({"b": 2}) == {"_id": 2, "a": 2, "b": 2}


def test_a_freed_key_can_be_used_again(things: Any) -> None:
    things.create_index("a", unique=True)
    things.insert_one({"_id": 1, "a": 1})
    things.update_one({"_id": 1}, {"$set": {"a": 2}})
    things.insert_one({"_id": 2, "a": 1})
    things.delete_one({"_id": 1})
    things.insert_one({"_id": 3, "a": 2})

    assert [d["_id"] for d in things.find().sort("a", 1)] == [2, 3]


def test_an_index_made_later_holds_what_was_there(things: Any) -> None:
    things.insert_many([{"_id": i, "a": i % 3, "l": [i, -i]} for i in range(9)])
    things.create_index([("a", 1), ("_id", -1)])
    things.create_index("l")

    assert [d["_id"] for d in things.find({"a": 1}).sort("_id", -1)] == [7, 4, 1]
    assert [d["_id"] for d in things.find({"l": -4})] == [4]


def test_a_unique_index_is_not_made_over_duplicates(things: Any) -> None:
    things.insert_many([{"a": 1}, {"a": 1}])

    with pytest.raises(DuplicateKeyError):
        things.create_index("a", unique=True)

    assert "a_1" not in things.index_information()
    things.insert_one({"a": 1})


def test_indexes_are_described(things: Any) -> None:
    assert things.create_index([("a", 1), ("b", -1)], unique=True) == "a_1_b_-1"
    assert things.create_index("c", name="mine", sparse=True) == "mine"
    assert things.create_index("at", expireAfterSeconds=60) == "at_1"
    assert things.create_indexes([IndexModel([("x", 1)])]) == ["x_1"]

    described = things.index_information()

    assert set(described) == {"_id_", "a_1_b_-1", "mine", "at_1", "x_1"}
    assert described["_id_"]["key"] == [("_id", 1)]
    assert described["a_1_b_-1"]["key"] == [("a", 1), ("b", -1)]
    assert described["a_1_b_-1"]["unique"] is True
    assert described["mine"]["sparse"] is True
    assert described["at_1"]["expireAfterSeconds"] == 60


def test_making_an_index_twice_is_fine(things: Any) -> None:
    assert things.create_index("a", unique=True) == things.create_index(
        "a", unique=True
    )
    assert len(things.index_information()) == 2


def test_a_dropped_index_refuses_no_more(things: Any) -> None:
    things.create_index("a", unique=True)
    things.insert_one({"a": 1})
    things.drop_index("a_1")

    things.insert_one({"a": 1})

    assert things.count_documents({"a": 1}) == 2
    with pytest.raises(OperationFailure):
        things.drop_index("a_1")


def test_a_dropped_collection_is_empty_and_has_no_index(things: Any) -> None:
    things.create_index("a", unique=True)
    things.insert_one({"a": 1})
    things.drop()

    assert things.count_documents({}) == 0
    things.insert_many([{"a": 1}, {"a": 1}])
    assert things.count_documents({"a": 1}) == 2


def test_collections_and_databases_are_listed(db: Any) -> None:
    db["one"].insert_one({})
    db["two"].insert_one({})

    assert sorted(db.list_collection_names()) == ["one", "two"]
    assert db.name in db.client.list_database_names()
    assert db.command("ping")["ok"] == 1.0


def sweep(things: Any) -> None:
    client = things.database.client
    if hasattr(client, "sweep"):
        client.sweep()
    else:
        deadline = time.monotonic() + 90
        while things.find_one({"_id": "old"}) and time.monotonic() < deadline:
            time.sleep(1)


def test_expired_documents_go(things: Any) -> None:
    now = datetime.now(UTC)
    things.create_index("at", expireAfterSeconds=3600)
    things.insert_many(
        [
            {"_id": "old", "at": now - timedelta(hours=2)},
            {"_id": "new", "at": now - timedelta(minutes=2)},
            {"_id": "first of several", "at": [now, now - timedelta(hours=2)]},
            {"_id": "no date", "at": "2020-01-01"},
            {"_id": "missing"},
        ]
    )

    sweep(things)

    assert sorted(d["_id"] for d in things.find()) == ["missing", "new", "no date"]
