"""Several writes at once."""

from typing import Any

import pytest
from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
)
from pymongo.errors import BulkWriteError, InvalidOperation


def test_a_bulk_runs_in_order_and_counts(things: Any) -> None:
    result = things.bulk_write(
        [
            InsertOne({"_id": 1, "g": 1}),
            InsertOne({"_id": 2, "g": 1}),
            UpdateOne({"_id": 1}, {"$set": {"a": 1}}),
            UpdateMany({"g": 1}, {"$inc": {"n": 1}}),
            UpdateOne({"_id": 3}, {"$set": {"a": 3}}, upsert=True),
            ReplaceOne({"_id": 2}, {"b": 2}),
            DeleteOne({"_id": 1}),
            DeleteMany({"_id": {"$gt": 90}}),
        ]
    )

    assert result.inserted_count == 2
    assert result.matched_count == 4
    assert result.modified_count == 4
    assert result.deleted_count == 1
    assert result.upserted_ids == {4: 3}
    assert sorted(things.find(), key=lambda d: d["_id"]) == [
        {"_id": 2, "b": 2},
        {"_id": 3, "a": 3},
    ]


def test_what_comes_before_a_failure_stays_and_what_follows_is_not_done(
    things: Any,
) -> None:
    things.create_index("u", unique=True, sparse=True)

    with pytest.raises(BulkWriteError) as failed:
        things.bulk_write(
            [
                InsertOne({"_id": 1, "u": "x"}),
                InsertOne({"_id": 2, "u": "x"}),
                InsertOne({"_id": 3}),
            ]
        )

    assert [d["_id"] for d in things.find()] == [1]
    (error,) = failed.value.details["writeErrors"]
    assert (error["index"], error["code"]) == (1, 11000)


def test_a_failure_is_counted(things: Any) -> None:
    with pytest.raises(BulkWriteError) as failed:
        things.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 1})])

    assert failed.value.details["nInserted"] == 1


def test_insert_many_gives_ids_to_all(things: Any) -> None:
    documents: list[dict[str, Any]] = [{"n": 1}, {"_id": "mine", "n": 2}]

    identities = things.insert_many(documents).inserted_ids

    assert identities == [documents[0]["_id"], "mine"]
    assert things.count_documents({"_id": {"$in": identities}}) == 2


def test_insert_many_stops_at_a_duplicate(things: Any) -> None:
    with pytest.raises(BulkWriteError) as failed:
        things.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}])

    assert failed.value.details["writeErrors"][0]["index"] == 1
    assert [d["_id"] for d in things.find()] == [1]


def test_unordered_goes_on_after_a_failure(things: Any) -> None:
    with pytest.raises(BulkWriteError):
        things.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}], ordered=False)

    assert sorted(d["_id"] for d in things.find()) == [1, 2]


def test_an_empty_bulk_is_a_mistake(things: Any) -> None:
    with pytest.raises(InvalidOperation):
        things.bulk_write([])
    with pytest.raises(TypeError):
        things.insert_many([])
