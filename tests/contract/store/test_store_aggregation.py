"""Aggregation within the subset."""

from datetime import UTC, datetime
from typing import Any

import pytest

DOCUMENTS: list[dict[str, Any]] = [
    {"_id": 1, "a": "x", "n": 10, "c": 3, "at": datetime(2026, 3, 1, 23, 59, tzinfo=UTC), "t": ["p", "q"]},
    {"_id": 2, "a": "x", "n": 20, "c": None, "at": datetime(2026, 3, 2, 0, 0, tzinfo=UTC), "t": []},
    {"_id": 3, "a": "y", "n": 5.5, "at": datetime(2026, 3, 2, 12, tzinfo=UTC), "t": ["p"], "s": {"k": 1}},
    {"_id": 4, "a": "y", "n": "text", "at": None},
    {"_id": 5, "n": 1},
]  # fmt: skip

CASES: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [
    ([{"$match": {"a": "x"}}, {"$count": "total"}], [{"total": 2}]),
    ([{"$match": {"a": "none"}}, {"$count": "total"}], []),
    (
        [{"$group": {"_id": "$a", "sum": {"$sum": "$n"}, "count": {"$sum": 1}}}, {"$sort": {"_id": 1}}],
        [{"_id": None, "sum": 1, "count": 1}, {"_id": "x", "sum": 30, "count": 2}, {"_id": "y", "sum": 5.5, "count": 2}],
    ),
    (
        [{"$match": {"a": "x"}}, {"$group": {"_id": None, "avg": {"$avg": "$n"}, "min": {"$min": "$n"}, "max": {"$max": "$at"}}}],
        [{"_id": None, "avg": 15, "min": 10, "max": datetime(2026, 3, 2, tzinfo=UTC)}],
    ),
    (
        [{"$sort": {"_id": -1}}, {"$group": {"_id": "$a", "first": {"$first": "$_id"}, "last": {"$last": "$_id"}}}, {"$sort": {"_id": -1}}, {"$limit": 2}],
        [{"_id": "y", "first": 4, "last": 3}, {"_id": "x", "first": 2, "last": 1}],
    ),
    (
        [{"$match": {"a": "x"}}, {"$sort": {"_id": 1}}, {"$group": {"_id": {"a": "$a"}, "ids": {"$push": "$_id"}, "set": {"$addToSet": "$a"}}}],
        [{"_id": {"a": "x"}, "ids": [1, 2], "set": ["x"]}],
    ),
    (
        [{"$match": {"at": {"$gte": datetime(2026, 3, 1, tzinfo=UTC)}}}, {"$group": {"_id": {"$dateToString": {"format": "%Y-%m-%d", "date": "$at"}}, "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}],
        [{"_id": "2026-03-01", "n": 1}, {"_id": "2026-03-02", "n": 2}],
    ),
    (
        [{"$match": {"_id": 1}}, {"$project": {"_id": 0, "sum": {"$add": ["$n", "$c", 1]}, "rest": {"$subtract": ["$n", "$c"]}, "half": {"$divide": ["$n", 4]}, "double": {"$multiply": ["$n", 2]}}}],
        [{"sum": 14, "rest": 7, "half": 2.5, "double": 20}],
    ),
    (
        [{"$match": {"_id": {"$lt": 4}}}, {"$sort": {"_id": 1}}, {"$project": {"c": {"$ifNull": ["$c", 0]}, "big": {"$cond": [{"$gt": ["$n", 9]}, "yes", "no"]}}}],
        [{"_id": 1, "c": 3, "big": "yes"}, {"_id": 2, "c": 0, "big": "yes"}, {"_id": 3, "c": 0, "big": "no"}],
    ),
    (
        [{"$match": {"_id": {"$in": [1, 2, 3]}}}, {"$group": {"_id": None, "late": {"$sum": {"$cond": [{"$gte": ["$at", datetime(2026, 3, 2, tzinfo=UTC)]}, 1, 0]}}}}],
        [{"_id": None, "late": 2}],
    ),
    (
        [{"$unwind": "$t"}, {"$group": {"_id": "$t", "n": {"$sum": 1}}}, {"$sort": {"n": -1}}],
        [{"_id": "p", "n": 2}, {"_id": "q", "n": 1}],
    ),
    (
        [{"$match": {"_id": {"$lte": 2}}}, {"$unwind": {"path": "$t", "preserveNullAndEmptyArrays": True}}, {"$sort": {"_id": 1, "t": 1}}, {"$project": {"t": 1}}],
        [{"_id": 1, "t": "p"}, {"_id": 1, "t": "q"}, {"_id": 2}],
    ),
    (
        [{"$match": {"_id": {"$lt": 4}}}, {"$facet": {"total": [{"$count": "n"}], "page": [{"$sort": {"_id": -1}}, {"$skip": 1}, {"$limit": 1}, {"$project": {"_id": 1}}]}}],
        [{"total": [{"n": 3}], "page": [{"_id": 2}]}],
    ),
    ([{"$match": {"s.k": 1}}, {"$project": {"_id": 0, "k": "$s.k"}}], [{"k": 1}]),
    ([{"$sort": {"n": -1, "_id": 1}}, {"$limit": 2}, {"$project": {"_id": 1}}], [{"_id": 4}, {"_id": 2}]),
]  # fmt: skip


@pytest.mark.parametrize("with_index", [False, True])
@pytest.mark.parametrize(("pipeline", "expected"), CASES, ids=str)
def test_a_pipeline_gives_its_answer(
    things: Any,
    pipeline: list[dict[str, Any]],
    expected: list[dict[str, Any]],
    with_index: bool,  # noqa: FBT001
) -> None:
    if with_index:
        things.create_index("a")
        things.create_index("at")
        things.create_index("n")
    things.insert_many([dict(document) for document in DOCUMENTS])

    assert list(things.aggregate(pipeline)) == expected


def test_a_pipeline_on_nothing_gives_nothing(things: Any) -> None:
    assert list(things.aggregate([{"$group": {"_id": None, "n": {"$sum": 1}}}])) == []
