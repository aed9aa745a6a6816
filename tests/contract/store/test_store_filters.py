"""What a filter finds, with and without an index on its field."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

DAY = datetime(2026, 3, 1, tzinfo=UTC)

DOCUMENTS: list[dict[str, Any]] = [
    {"_id": 1, "n": 1, "s": "alpha", "b": True, "at": DAY},
    {"_id": 2, "n": 2.5, "s": "Alpha", "b": False, "sub": {"x": 1, "y": 2}},
    {"_id": 3, "n": None, "s": "beta", "sub": {"y": 2, "x": 1}},
    {"_id": 4, "s": "álcool", "list": []},
    {"_id": 5, "n": 10, "list": [1, 5, 9], "tags": ["a", "b"]},
    {"_id": 6, "n": "10", "list": [20], "tags": ["b"]},
    {"_id": 7, "items": [{"k": "a", "v": 1}, {"k": "b", "v": 9}]},
    {"_id": 8, "items": [{"k": "a", "v": 9}], "n": -3},
    {"_id": 9, "items": [{"k": "c"}, {"v": 1}], "n": [1, 2]},
    {"_id": 10, "queue": [{"id": "q1"}, {"id": "q2"}], "s": "a.b"},
    {"_id": 11, "deep": {"list": [{"in": [1, 2]}, {"in": [3]}]}},
    {"_id": 12, "n": 1.0, "s": ""},
]

CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, list(range(1, 13))),
    ({"n": 1}, [1, 9, 12]),
    ({"n": 1.0}, [1, 9, 12]),
    ({"n": True}, []),
    ({"b": 1}, []),
    ({"b": True}, [1]),
    ({"b": {"$ne": True}}, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ({"n": "10"}, [6]),
    ({"n": None}, [3, 4, 7, 10, 11]),
    ({"n": {"$ne": None}}, [1, 2, 5, 6, 8, 9, 12]),
    ({"n": {"$exists": True}}, [1, 2, 3, 5, 6, 8, 9, 12]),
    ({"n": {"$exists": False}}, [4, 7, 10, 11]),
    ({"n": {"$exists": True, "$ne": None}}, [1, 2, 5, 6, 8, 9, 12]),
    ({"n": {"$gt": 1}}, [2, 5, 9]),
    ({"n": {"$gte": 1}}, [1, 2, 5, 9, 12]),
    ({"n": {"$lt": 1}}, [8]),
    ({"n": {"$lte": 2.5}}, [1, 2, 8, 9, 12]),
    ({"n": {"$gt": 1, "$lt": 2}}, [9]),
    ({"n": {"$gt": -5, "$lt": 2, "$ne": 1}}, [8]),
    ({"n": {"$gte": None}}, [3, 4, 7, 10, 11]),
    ({"s": {"$gt": "Alpha"}}, [1, 3, 4, 10]),
    ({"s": {"$lt": "b"}}, [1, 2, 10, 12]),
    ({"s": {"$gte": ""}}, [1, 2, 3, 4, 10, 12]),
    ({"at": {"$lte": DAY}}, [1]),
    ({"at": {"$gt": DAY}}, []),
    ({"n": {"$in": [1, "10", None]}}, [1, 3, 4, 6, 7, 9, 10, 11, 12]),
    ({"n": {"$in": [2.5, 10]}}, [2, 5]),
    ({"n": {"$in": []}}, []),
    ({"n": {"$nin": [1, None]}}, [2, 5, 6, 8]),
    ({"s": {"$in": ["alpha", "beta"]}}, [1, 3]),
    ({"s": {"$nin": ["alpha", "beta"]}}, [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ({"s": {"$regex": "^al"}}, [1]),
    ({"s": {"$regex": "^al", "$options": "i"}}, [1, 2]),
    ({"s": {"$regex": "^a\\.b$"}}, [10]),
    ({"s": {"$regex": "^ál"}}, [4]),
    ({"s": {"$regex": "^a?l"}}, [1]),
    ({"s": {"$regex": "^al|^be"}}, [1, 3]),
    ({"s": {"$regex": "ta$"}}, [3]),
    ({"s": re.compile("^ALPHA$", re.IGNORECASE)}, [1, 2]),
    ({"s": {"$not": re.compile("^[aA]")}}, [3, 4, 5, 6, 7, 8, 9, 11, 12]),
    ({"s": {"$not": {"$regex": "a"}}}, [4, 5, 6, 7, 8, 9, 11, 12]),
    ({"n": {"$not": {"$gt": 1}}}, [1, 3, 4, 6, 7, 8, 10, 11, 12]),
    ({"sub": {"x": 1, "y": 2}}, [2]),
    ({"sub": {"y": 2, "x": 1}}, [3]),
    ({"sub": {"x": 1}}, []),
    ({"sub.x": 1}, [2, 3]),
    ({"sub.z": None, "sub.x": 1}, [2, 3]),
    ({"sub.x": {"$exists": True}}, [2, 3]),
    ({"list": 5}, [5]),
    ({"list": [1, 5, 9]}, [5]),
    ({"list": [5, 1, 9]}, []),
    ({"list": []}, [4]),
    ({"list": {"$size": 3}}, [5]),
    ({"list": {"$size": 0}}, [4]),
    ({"list": {"$gt": 10}}, [6]),
    ({"list": {"$gt": 6, "$lt": 4}}, [5]),
    ({"list": {"$elemMatch": {"$gt": 6, "$lt": 4}}}, []),
    ({"list": {"$elemMatch": {"$gte": 5, "$lt": 9}}}, [5]),
    ({"list": {"$ne": 5}}, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]),
    ({"list.0": 1}, [5]),
    ({"list.2": {"$exists": True}}, [5]),
    ({"list.0": {"$exists": False}, "list": {"$exists": True}}, [4]),
    ({"queue.0.id": "q1"}, [10]),
    ({"queue.0.id": "q2"}, []),
    ({"queue.id": "q2"}, [10]),
    ({"tags": {"$all": ["a", "b"]}}, [5]),
    ({"tags": {"$all": ["b"]}}, [5, 6]),
    ({"tags": {"$all": []}}, []),
    ({"tags": {"$in": ["a", "z"]}}, [5]),
    ({"items.k": "a"}, [7, 8]),
    ({"items.k": "a", "items.v": 9}, [7, 8]),
    ({"items": {"$elemMatch": {"k": "a", "v": 9}}}, [8]),
    ({"items": {"$elemMatch": {"k": "a", "v": {"$lt": 5}}}}, [7]),
    ({"items.v": {"$exists": False}, "items": {"$exists": True}}, []),
    ({"items.k": None, "items": {"$exists": True}}, [9]),
    ({"items": {"k": "a", "v": 9}}, [8]),
    ({"deep.list.in": 3}, [11]),
    ({"deep.list.in": {"$size": 2}}, [11]),
    ({"$or": [{"n": 10}, {"s": "beta"}]}, [3, 5]),
    ({"$or": [{"n": 10}, {"s": "beta"}], "list": {"$exists": True}}, [5]),
    ({"$and": [{"n": {"$gt": 0}}, {"n": {"$lt": 2}}]}, [1, 9, 12]),
    ({"$and": [{"$or": [{"n": 1}, {"n": 10}]}, {"b": True}]}, [1]),
    ({"_id": {"$in": [3, 1, 99]}}, [1, 3]),
    ({"_id": {"$gt": 10}}, [11, 12]),
    ({"_id": 3, "s": "alpha"}, []),
    ({"_id": "3"}, []),
]  # fmt: skip


INDEXES: list[Any] = [
    "n",
    [("n", -1), ("s", 1)],
    "s",
    [("s", -1)],
    "b",
    "at",
    "list",
    "tags",
    "items.k",
    [("items.k", 1), ("items.v", 1)],
    "sub.x",
    "queue.0.id",
    "deep.list.in",
]


@pytest.fixture
def filled(things: Any) -> Any:
    things.insert_many(DOCUMENTS)
    return things


@pytest.fixture
def indexed(filled: Any) -> Any:
    for keys in INDEXES:
        filled.create_index(keys)
    return filled


def found(things: Any, condition: dict[str, Any]) -> list[int]:
    return sorted(document["_id"] for document in things.find(condition))


@pytest.mark.parametrize(("condition", "expected"), CASES, ids=str)
def test_a_filter_finds_what_it_should(
    filled: Any, condition: dict[str, Any], expected: list[int]
) -> None:
    assert found(filled, condition) == expected
    assert filled.count_documents(condition) == len(expected)


@pytest.mark.parametrize(("condition", "expected"), CASES, ids=str)
def test_an_index_changes_nothing_in_what_is_found(
    indexed: Any, condition: dict[str, Any], expected: list[int]
) -> None:
    assert found(indexed, condition) == expected
    assert indexed.count_documents(condition) == len(expected)


def test_a_filter_needs_a_dictionary(things: Any) -> None:
    with pytest.raises(TypeError):
        list(things.find("x"))


def test_nothing_is_found_in_a_collection_that_is_not_there(things: Any) -> None:
    assert things.find_one({}) is None
    assert list(things.find({"a": 1}).sort("a", 1)) == []
    assert things.count_documents({}) == 0
    assert things.delete_many({}).deleted_count == 0
    assert things.update_one({}, {"$set": {"a": 1}}).matched_count == 0


def test_distinct_looks_into_arrays(filled: Any) -> None:
    assert sorted(filled.distinct("tags")) == ["a", "b"]
    assert sorted(filled.distinct("items.k", {"_id": {"$gt": 7}})) == ["a", "c"]


def test_none_of_no_values_is_found(things: Any) -> None:
    things.create_index("key", unique=True)
    things.insert_one({"_id": 1, "key": "a"})

    for name in ("_id", "key"):
        assert things.find_one({name: {"$in": []}}) is None
        assert (
            things.update_one({name: {"$in": []}}, {"$set": {"b": 1}}).matched_count
            == 0
        )
        assert things.delete_one({name: {"$in": []}}).deleted_count == 0
    assert list(things.find({})) == [{"_id": 1, "key": "a"}]
