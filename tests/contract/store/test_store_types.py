"""What goes in comes out."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from bson import ObjectId

NOON = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63 - 1,
    -(2**63),
    0.5,
    -1e300,
    "",
    "ação 🙂",
    "a\0b",
    b"\x00\xff",
    ObjectId("65f000000000000000000001"),
    NOON,
    {},
    {"b": 1, "a": {"c": [1, {"d": None}]}},
    [],
    [[1, 2], [], {"a": []}],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(things: Any, value: Any) -> None:
    things.insert_one({"_id": 1, "value": value})

    found = things.find_one({"_id": 1})["value"]

    assert found == value
    assert isinstance(found, type(value))


@pytest.mark.parametrize("value", [v for v in VALUES if v != []], ids=repr)
def test_a_value_is_found_by_equality(things: Any, value: Any) -> None:
    things.insert_many([{"_id": 1, "value": value}, {"_id": 2, "value": "other"}])

    assert [d["_id"] for d in things.find({"value": value})] == [1]


@pytest.mark.parametrize("value", [v for v in VALUES if v not in ([], [[1, 2], [], {"a": []}])], ids=repr)  # fmt: skip
def test_a_value_is_found_through_an_index(things: Any, value: Any) -> None:
    things.create_index("value")
    things.insert_many([{"_id": 1, "value": value}, {"_id": 2, "value": "other"}])

    assert [d["_id"] for d in things.find({"value": value})] == [1]


def test_a_moment_is_cut_to_milliseconds_and_knows_its_zone(things: Any) -> None:
    lisbon_summer = timezone(timedelta(hours=1))
    things.insert_one(
        {"_id": 1, "at": datetime(2026, 7, 1, 10, 0, 0, 123999, tzinfo=lisbon_summer)}
    )

    found = things.find_one({"_id": 1})["at"]

    assert found == datetime(2026, 7, 1, 9, 0, 0, 123000, tzinfo=UTC)
    assert found.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_utc(things: Any) -> None:
    things.insert_one({"_id": 1, "at": datetime(2026, 7, 1, 10)})  # noqa: DTZ001

    assert things.find_one({"_id": 1})["at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_an_integer_too_large_is_refused(things: Any) -> None:
    with pytest.raises(OverflowError):
        things.insert_one({"value": 2**63})

    assert things.count_documents({}) == 0


def test_an_id_is_made_and_given_to_the_caller(things: Any) -> None:
    document = {"name": "x"}

    made = things.insert_one(document).inserted_id

    assert isinstance(made, ObjectId)
    assert document["_id"] == made
    assert things.find_one({"_id": made}) == {"_id": made, "name": "x"}


def test_the_id_comes_first(things: Any) -> None:
    things.insert_one({"name": "x", "_id": 1})

    assert list(things.find_one({})) == ["_id", "name"]


@pytest.mark.parametrize("identity", ["x", 7, 2.5, ObjectId("65f000000000000000000001"), NOON, b"k", {"a": 1, "b": 2}, True, None], ids=repr)  # fmt: skip
def test_any_value_but_an_array_is_an_id(things: Any, identity: Any) -> None:
    things.insert_one({"_id": identity})

    assert things.find_one({"_id": identity}) == {"_id": identity}


def test_a_tuple_is_an_array(things: Any) -> None:
    things.create_index("tags")
    things.insert_one({"_id": 1, "tags": ("a", "b"), "deep": {"list": (1, (2,))}})

    assert things.find_one({"tags": "b"}) == {
        "_id": 1,
        "tags": ["a", "b"],
        "deep": {"list": [1, [2]]},
    }


def test_a_callers_document_stays_the_callers(things: Any) -> None:
    inner = {"tags": ["a"]}
    document = {"_id": 1, "inner": inner}
    things.insert_one(document)
    inner["tags"].append("b")
    found = things.find_one({"_id": 1})
    found["inner"]["tags"].append("c")

    assert things.find_one({"_id": 1}) == {"_id": 1, "inner": {"tags": ["a"]}}


def test_a_pushed_value_stays_the_callers(things: Any) -> None:
    things.insert_one({"_id": 1, "list": []})
    value = {"n": [1]}
    things.update_one({"_id": 1}, {"$push": {"list": value}})
    value["n"].append(2)

    assert things.find_one({"_id": 1})["list"] == [{"n": [1]}]


def test_neighbouring_large_integers_are_told_apart(things: Any) -> None:
    things.create_index("n")
    things.insert_many([{"_id": i, "n": 2**60 + i} for i in range(4)])

    assert [d["_id"] for d in things.find({"n": 2**60 + 2})] == [2]
    assert [d["_id"] for d in things.find({"n": {"$gt": 2**60 + 1}}).sort("n", -1)] == [3, 2]  # fmt: skip
