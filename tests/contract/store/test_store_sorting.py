"""Order, pages and projections."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

MIXED: list[Any] = [
    None,
    -5,
    1.5,
    2**40,
    "",
    "B",
    "a",
    "é",
    {"a": 1},
    {"a": 2},
    b"bytes",
    ObjectId("65f000000000000000000001"),
    False,
    True,
    datetime(1969, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize("keys", [None, [("v", 1)], [("v", -1)]], ids=str)
def test_types_have_an_order(things: Any, keys: Any) -> None:
    if keys:
        things.create_index(keys)
    things.insert_many(
        [{"_id": i, "v": v} for i, v in reversed(list(enumerate(MIXED)))]
    )

    assert [d["_id"] for d in things.find().sort("v", 1)] == list(range(len(MIXED)))
    assert [d["_id"] for d in things.find().sort("v", -1)] == list(range(len(MIXED)))[::-1]  # fmt: skip


def test_a_missing_field_sorts_as_null(things: Any) -> None:
    things.insert_many([{"_id": 1, "a": 0}, {"_id": 2}, {"_id": 3, "a": None}])

    assert [d["_id"] for d in things.find().sort([("a", 1), ("_id", 1)])] == [2, 3, 1]


@pytest.mark.parametrize("with_index", [False, True])
def test_an_array_sorts_by_its_least_or_greatest(
    things: Any,
    with_index: bool,  # noqa: FBT001
) -> None:
    if with_index:
        things.create_index("l")
    things.insert_many(
        [{"_id": 1, "l": [5, 1]}, {"_id": 2, "l": [3]}, {"_id": 3, "l": [2, 9]}]
    )

    assert [d["_id"] for d in things.find().sort("l", 1)] == [1, 3, 2]
    assert [d["_id"] for d in things.find().sort("l", -1)] == [3, 1, 2]


@pytest.mark.parametrize(
    "keys", [None, [("g", 1), ("n", 1)], [("g", 1), ("n", -1)], [("g", -1), ("n", 1)]], ids=str
)  # fmt: skip
@pytest.mark.parametrize("order", [[("g", 1), ("n", 1)], [("g", 1), ("n", -1)], [("g", -1), ("n", 1)], [("n", 1)]], ids=str)  # fmt: skip
def test_pages_meet_without_gap_or_overlap(things: Any, keys: Any, order: Any) -> None:
    if keys:
        things.create_index(keys)
    things.insert_many([{"_id": i, "g": i % 3, "n": i * 7 % 20} for i in range(20)])
    expected = [d for d in things.find()]  # noqa: C416
    for name, way in reversed(order):
        expected.sort(key=lambda d: d[name] * way)

    pages = [
        list(things.find().sort(order).skip(at).limit(6)) for at in range(0, 24, 6)
    ]

    assert [d for page in pages for d in page] == expected


@pytest.mark.parametrize("keys", [None, [("g", 1), ("n", 1)], [("n", -1)]], ids=str)
def test_several_values_and_an_order_on_the_next_field(things: Any, keys: Any) -> None:
    if keys:
        things.create_index(keys)
    things.insert_many([{"_id": i, "g": i % 4, "n": i * 7 % 30} for i in range(30)])
    wanted = [d for d in things.find() if d["g"] in {0, 2, 3}]

    found = list(things.find({"g": {"$in": [3, 0, 2]}}).sort("n", -1).limit(9))

    assert found == sorted(wanted, key=lambda d: -d["n"])[:9]


def test_a_page_after_the_last_one_seen(things: Any) -> None:
    things.create_index([("owner", 1), ("_id", -1)])
    things.insert_many([{"_id": i, "owner": i % 2} for i in range(10)])

    page = things.find({"owner": 1, "_id": {"$lt": 7}}).sort("_id", -1).limit(2)

    assert [d["_id"] for d in page] == [5, 3]


def test_a_long_answer_is_whole(things: Any) -> None:
    things.create_index([("g", 1), ("n", 1)])
    things.insert_many([{"_id": i, "g": i % 2, "n": i // 7} for i in range(3000)])

    assert [d["_id"] for d in things.find({"g": 0}).sort([("g", 1), ("n", 1)])]  # fmt: skip
    assert len({d["_id"] for d in things.find({"g": 0}).sort([("n", 1)])}) == 1500
    assert len({d["_id"] for d in things.find({"g": 0}).sort([("n", -1)])}) == 1500
    assert len({d["_id"] for d in things.find({}).batch_size(50)}) == 3000
    assert [d["_id"] for d in things.find({}).sort("_id", -1).skip(150).limit(1200)] == list(range(2849, 1649, -1))  # fmt: skip


DOCUMENT = {
    "_id": 1,
    "a": 1,
    "sub": {"x": 1, "y": {"z": 2}},
    "items": [{"k": 1, "v": 2}, 5, {"v": 3}],
}
PROJECTIONS: list[tuple[Any, dict[str, Any]]] = [
    ({"a": 1}, {"_id": 1, "a": 1}),
    (["a"], {"_id": 1, "a": 1}),
    ({"a": True, "_id": 0}, {"a": 1}),
    ({"_id": 1}, {"_id": 1}),
    ({"sub.x": 1, "_id": 0}, {"sub": {"x": 1}}),
    ({"sub.y.z": 1, "_id": 0}, {"sub": {"y": {"z": 2}}}),
    ({"items.v": 1, "_id": 0}, {"items": [{"v": 2}, {"v": 3}]}),
    ({"items": 0, "sub": 0}, {"_id": 1, "a": 1}),
    ({"_id": 0, "items": 0, "sub.y": 0}, {"a": 1, "sub": {"x": 1}}),
    ({"items.v": 0, "sub": 0, "a": 0}, {"_id": 1, "items": [{"k": 1}, 5, {}]}),
    ({"nothing": 1}, {"_id": 1}),
    ({}, DOCUMENT),
    (None, DOCUMENT),
]


@pytest.mark.parametrize(("projection", "expected"), PROJECTIONS, ids=str)
def test_a_projection_cuts_the_document(
    things: Any, projection: Any, expected: dict[str, Any]
) -> None:
    things.insert_one(dict(DOCUMENT))

    assert things.find_one({"_id": 1}, projection) == expected
    assert list(things.find({}, projection)) == [expected]


def test_find_one_takes_order_and_skip(things: Any) -> None:
    things.insert_many([{"_id": i} for i in range(3)])

    assert things.find_one({}, sort=[("_id", -1)]) == {"_id": 2}
    assert things.find_one({}, sort=[("_id", -1)], skip=1) == {"_id": 1}
    assert things.count_documents({}, limit=2) == 2
    assert things.count_documents({}, skip=1) == 2
    assert things.estimated_document_count() == 3
