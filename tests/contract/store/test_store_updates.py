"""What an update makes of a document."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"$set": {"a": 1}}, {"a": 1}),
    ({"a": 1}, {"$set": {"a": None}}, {"a": None}),
    ({}, {"$set": {"a.b.c": 1}}, {"a": {"b": {"c": 1}}}),
    ({"a": {"x": 1}}, {"$set": {"a.b": 2}}, {"a": {"x": 1, "b": 2}}),
    ({"l": [1, 2]}, {"$set": {"l.1": 9}}, {"l": [1, 9]}),
    ({"l": [1]}, {"$set": {"l.3": 9}}, {"l": [1, None, None, 9]}),
    ({"l": [{"k": 1}]}, {"$set": {"l.0.k": 2}}, {"l": [{"k": 2}]}),
    ({"a": 1, "b": 2}, {"$unset": {"a": ""}}, {"b": 2}),
    ({"a": {"b": 1, "c": 2}}, {"$unset": {"a.b": 1}}, {"a": {"c": 2}}),
    ({"l": [1, 2]}, {"$unset": {"l.0": 1}}, {"l": [None, 2]}),
    ({"a": 1}, {"$unset": {"z.y": 1}}, {"a": 1}),
    ({"a": 1}, {"$inc": {"a": 2, "b": -1}}, {"a": 3, "b": -1}),
    ({"a": {"n": 1.5}}, {"$inc": {"a.n": 1}}, {"a": {"n": 2.5}}),
    ({"a": 5}, {"$min": {"a": 3}}, {"a": 3}),
    ({"a": 5}, {"$min": {"a": 7, "b": 1}}, {"a": 5, "b": 1}),
    ({"a": EARLY}, {"$max": {"a": LATE}}, {"a": LATE}),
    ({"a": LATE}, {"$max": {"a": EARLY}}, {"a": LATE}),
    ({}, {"$push": {"l": 1}}, {"l": [1]}),
    ({"l": [1]}, {"$push": {"l": [2]}}, {"l": [1, [2]]}),
    ({"l": [1]}, {"$push": {"l": {"$each": [2, 3]}}}, {"l": [1, 2, 3]}),
    ({"l": [1, 2]}, {"$push": {"l": {"$each": [3], "$slice": -2}}}, {"l": [2, 3]}),
    ({"l": [1, 2]}, {"$push": {"l": {"$each": [3], "$slice": 2}}}, {"l": [1, 2]}),
    ({"l": [1, 2]}, {"$push": {"l": {"$each": [], "$slice": 0}}}, {"l": []}),
    ({"l": [1, 2]}, {"$push": {"l": {"$each": [9], "$position": 1}}}, {"l": [1, 9, 2]}),
    ({"l": [1, 3]}, {"$push": {"l": {"$each": [2], "$sort": -1}}}, {"l": [3, 2, 1]}),
    (
        {"l": [{"s": 3}, {"s": 1}]},
        {"$push": {"l": {"$each": [{"s": 2}], "$sort": {"s": 1}, "$slice": -2}}},
        {"l": [{"s": 2}, {"s": 3}]},
    ),
    ({"l": [1]}, {"$addToSet": {"l": 1}}, {"l": [1]}),
    ({"l": [1]}, {"$addToSet": {"l": True}}, {"l": [1, True]}),
    ({"l": [1]}, {"$addToSet": {"l": {"$each": [1, 2, 2]}}}, {"l": [1, 2]}),
    ({"l": [{"a": 1, "b": 2}]}, {"$addToSet": {"l": {"a": 1, "b": 2}}}, {"l": [{"a": 1, "b": 2}]}),
    ({"l": [1, 2, 1]}, {"$pull": {"l": 1}}, {"l": [2]}),
    ({"l": [1, 5, 9]}, {"$pull": {"l": {"$gte": 5}}}, {"l": [1]}),
    ({"l": ["a", "b", "c"]}, {"$pull": {"l": {"$in": ["a", "c"]}}}, {"l": ["b"]}),
    ({"l": [{"k": 1, "v": 1}, {"k": 2}]}, {"$pull": {"l": {"k": 1}}}, {"l": [{"k": 2}]}),
    ({}, {"$pull": {"l": 1}}, {}),
    ({"a": 1}, {"$setOnInsert": {"b": 1}, "$set": {"c": 1}}, {"a": 1, "c": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "update", "after"), CASES, ids=str)
def test_an_update_gives_the_new_state(
    things: Any, before: dict[str, Any], update: dict[str, Any], after: dict[str, Any]
) -> None:
    things.insert_one({"_id": 1, **before})

    result = things.update_one({"_id": 1}, update)

    assert things.find_one({"_id": 1}) == {"_id": 1, **after}
    assert result.matched_count == 1
    assert result.modified_count == int(before != after)
    assert result.upserted_id is None


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"$set": {"a": 1}, "$inc": {"a": 1}}, 40),
    ({"$set": {"a": 1, "a.b": 2}}, 40),
    ({"$set": {"a.b": 2}, "$unset": {"a": 1}}, 40),
    ({"$set": {"_id": 2}}, 66),
    ({"$inc": {"text": 1}}, 14),
    ({"$push": {"text": 1}}, 2),
    ({"$set": {"text.x": 1}}, 28),
    ({"$set": {"list.x": 1}}, 28),
]


@pytest.mark.parametrize(("update", "code"), REFUSED, ids=str)
def test_a_refused_update_changes_nothing(
    things: Any, update: dict[str, Any], code: int
) -> None:
    document = {"_id": 1, "a": {}, "text": "t", "list": [1]}
    things.insert_one(dict(document))

    with pytest.raises(WriteError) as refused:
        things.update_one({"_id": 1}, update)

    assert refused.value.code == code
    assert things.find_one({"_id": 1}) == document


def test_setting_the_same_id_is_allowed(things: Any) -> None:
    things.insert_one({"_id": 1})

    assert (
        things.update_one({"_id": 1}, {"$set": {"_id": 1, "a": 1}}).modified_count == 1
    )


def test_an_update_needs_operators_and_a_replacement_none(things: Any) -> None:
    with pytest.raises(ValueError, match="operators"):
        things.update_one({}, {"a": 1})
    with pytest.raises(ValueError, match="operators"):
        things.replace_one({}, {"$set": {"a": 1}})


def test_update_many_changes_all_that_match(things: Any) -> None:
    things.insert_many([{"_id": i, "g": i % 2} for i in range(5)])

    result = things.update_many({"g": 1}, {"$set": {"hit": True}})

    assert (result.matched_count, result.modified_count) == (2, 2)
    assert sorted(d["_id"] for d in things.find({"hit": True})) == [1, 3]


def test_the_dollar_stands_for_the_matched_element(things: Any) -> None:
    things.insert_one({"_id": 1, "items": [{"k": "a", "n": 1}, {"k": "b", "n": 1}]})

    things.update_one({"_id": 1, "items.k": "b"}, {"$inc": {"items.$.n": 5}})
    things.update_one(
        {"_id": 1, "items": {"$elemMatch": {"k": "a", "n": 1}}},
        {"$set": {"items.$": {"k": "a", "n": 7}}},
    )

    assert things.find_one({"_id": 1})["items"] == [
        {"k": "a", "n": 7},
        {"k": "b", "n": 6},
    ]


def test_the_dollar_finds_plain_values(things: Any) -> None:
    things.insert_one({"_id": 1, "list": [4, 8, 15]})

    things.update_one({"list": {"$gt": 5}}, {"$set": {"list.$": 0}})

    assert things.find_one({"_id": 1})["list"] == [4, 0, 15]


def test_the_dollar_without_a_match_is_refused(things: Any) -> None:
    things.insert_one({"_id": 1, "items": [1]})

    with pytest.raises(WriteError):
        things.update_one({"_id": 1}, {"$set": {"items.$": 0}})


def test_an_upsert_begins_with_the_equalities_of_its_filter(things: Any) -> None:
    result = things.update_one(
        {"a": 1, "b.c": {"$eq": 2}, "n": {"$gt": 5}, "$and": [{"d": "x"}]},
        {"$set": {"e": 3}, "$setOnInsert": {"f": 4}, "$inc": {"g": 1}},
        upsert=True,
    )

    assert (result.matched_count, result.modified_count) == (0, 0)
    assert things.find_one({}) == {
        "_id": result.upserted_id,
        "a": 1,
        "b": {"c": 2},
        "d": "x",
        "e": 3,
        "f": 4,
        "g": 1,
    }


def test_an_upsert_takes_the_id_of_its_filter(things: Any) -> None:
    assert things.update_one({"_id": "x"}, {"$set": {"a": 1}}, upsert=True).upserted_id == "x"  # fmt: skip
    again = things.update_one({"_id": "x"}, {"$set": {"a": 1}}, upsert=True)

    assert (again.upserted_id, again.matched_count, again.modified_count) == (
        None,
        1,
        0,
    )


def test_set_on_insert_may_give_the_id(things: Any) -> None:
    things.update_one({"a": 1}, {"$setOnInsert": {"_id": "made"}}, upsert=True)

    assert things.find_one({}) == {"_id": "made", "a": 1}


def test_a_replacement_keeps_the_id(things: Any) -> None:
    things.insert_one({"_id": 1, "a": 1, "b": 2})

    result = things.replace_one({"a": 1}, {"c": 3})

    assert (result.matched_count, result.modified_count) == (1, 1)
    assert things.find_one({}) == {"_id": 1, "c": 3}


def test_a_replacement_with_another_id_is_refused(things: Any) -> None:
    things.insert_one({"_id": 1})

    with pytest.raises(OperationFailure) as refused:
        things.replace_one({"_id": 1}, {"_id": 2})

    assert refused.value.code == 66


def test_a_replacement_can_be_an_upsert(things: Any) -> None:
    made = things.replace_one({"_id": 5, "a": 1}, {"b": 2}, upsert=True).upserted_id

    assert made == 5
    assert things.find_one({}) == {"_id": 5, "b": 2}


def test_find_one_and_update_gives_before_or_after(things: Any) -> None:
    things.insert_many([{"_id": 1, "n": 5}, {"_id": 2, "n": 3}])

    before = things.find_one_and_update({}, {"$inc": {"n": 10}}, sort=[("n", 1)])
    after = things.find_one_and_update(
        {"_id": 1},
        {"$inc": {"n": 1}},
        projection={"_id": 0, "n": 1},
        return_document=ReturnDocument.AFTER,
    )

    assert before == {"_id": 2, "n": 3}
    assert after == {"n": 6}


def test_find_one_and_update_can_be_an_upsert(things: Any) -> None:
    assert (
        things.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}, upsert=True) is None
    )
    after = things.find_one_and_update(
        {"_id": 2},
        {"$inc": {"n": 1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )

    assert after == {"_id": 2, "n": 1}
    assert things.find_one_and_update({"_id": 9}, {"$inc": {"n": 1}}) is None


def test_find_one_and_replace_and_delete(things: Any) -> None:
    things.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])

    assert things.find_one_and_replace({"n": 1}, {"m": 1}) == {"_id": 1, "n": 1}
    assert things.find_one_and_delete({}, sort=[("_id", -1)]) == {"_id": 2, "n": 2}
    assert list(things.find()) == [{"_id": 1, "m": 1}]


def test_deletes_tell_how_many(things: Any) -> None:
    things.insert_many([{"_id": i, "g": i % 2} for i in range(5)])

    assert things.delete_one({"g": 0}).deleted_count == 1
    assert things.delete_many({"g": 0}).deleted_count == 2
    assert things.delete_many({"g": 7}).deleted_count == 0
    assert things.count_documents({}) == 2


def test_an_upsert_that_meets_a_unique_index_is_refused(things: Any) -> None:
    things.create_index("email", unique=True)
    things.insert_one({"_id": 1, "email": "a@b"})

    with pytest.raises(DuplicateKeyError):
        things.update_one({"_id": 2}, {"$set": {"email": "a@b"}}, upsert=True)

    assert things.count_documents({}) == 1
