"""What the embedded store does not do, it refuses by name."""

from pathlib import Path
from typing import Any

import pytest
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import OperationFailure

from app.repositories.embedded import EmbeddedClient, StoreUnreadable

FILTERS = [
    ({"$where": "1"}, "$where"),
    ({"$expr": {"$eq": ["$a", 1]}}, "$expr"),
    ({"$text": {"$search": "x"}}, "$text"),
    ({"$nor": [{"a": 1}]}, "$nor"),
    ({"a": {"$mod": [2, 0]}}, "$mod"),
    ({"a": {"$type": "string"}}, "$type"),
    ({"a": {"$near": [0, 0]}}, "$near"),
    ({"a": {"$regex": "x", "$options": "u"}}, "'u'"),
    ({"$or": [{"a": 1}, {"$and": [{"b": {"$bitsAllSet": 1}}]}]}, "$bitsAllSet"),
    ({"a": {"$elemMatch": {"b": {"$type": 2}}}}, "$type"),
    ({"a": {"$not": {"$mod": [2, 0]}}}, "$mod"),
]


@pytest.mark.parametrize(("condition", "name"), FILTERS, ids=str)
def test_a_filter_operator_outside_is_named(
    embedded_things: Any, condition: dict[str, Any], name: str
) -> None:
    embedded_things.insert_one({"a": 1})

    with pytest.raises(NotImplementedError) as refused:
        list(embedded_things.find(condition))

    assert name in str(refused.value)


UPDATES = [
    ({"$mul": {"a": 2}}, "$mul"),
    ({"$rename": {"a": "b"}}, "$rename"),
    ({"$pop": {"a": 1}}, "$pop"),
    ({"$currentDate": {"a": True}}, "$currentDate"),
    ({"$set": {"a.$[].b": 1}}, "$[]"),
    ({"$set": {"a.$[x].b": 1}}, "$[name]"),
    ({"$push": {"a": {"$each": [1], "$odd": 1}}}, "$odd"),
    ([{"$set": {"a": 1}}], "pipeline"),
]


@pytest.mark.parametrize(("update", "name"), UPDATES, ids=str)
def test_an_update_operator_outside_is_named(
    embedded_things: Any, update: Any, name: str
) -> None:
    embedded_things.insert_one({"_id": 1})

    with pytest.raises(NotImplementedError) as refused:
        embedded_things.update_one({"_id": 1}, update)
    with pytest.raises(NotImplementedError):
        embedded_things.bulk_write([UpdateOne({"_id": 1}, update)])

    assert name in str(refused.value)
    assert embedded_things.find_one({}) == {"_id": 1}


PIPELINES = [
    ([{"$lookup": {}}], "$lookup"),
    ([{"$addFields": {"a": 1}}], "$addFields"),
    ([{"$match": {}}, {"$facet": {"x": [{"$out": "y"}]}}], "$out"),
    ([{"$group": {"_id": None, "x": {"$stdDevPop": "$a"}}}], "$stdDevPop"),
    ([{"$project": {"x": {"$dateTrunc": {}}}}], "$dateTrunc"),
    ([{"$project": {"x": {"$dateToString": {"date": "$a", "timezone": "UTC"}}}}], "timezone"),
    ([{"$project": {"x": "$$NOW"}}], "$$NOW"),
    ([{"$unwind": {"path": "$a", "includeArrayIndex": "i"}}], "includeArrayIndex"),
]  # fmt: skip


@pytest.mark.parametrize(("pipeline", "name"), PIPELINES, ids=str)
def test_a_stage_or_expression_outside_is_named(
    embedded_things: Any, pipeline: Any, name: str
) -> None:
    with pytest.raises(NotImplementedError) as refused:
        list(embedded_things.aggregate(pipeline))

    assert name in str(refused.value)


def test_options_outside_are_named(embedded_things: Any) -> None:
    with pytest.raises(NotImplementedError, match="array_filters"):
        embedded_things.update_one({}, {"$set": {"a": 1}}, array_filters=[{"x": 1}])
    with pytest.raises(NotImplementedError, match="collation"):
        embedded_things.find({}, collation={"locale": "pt"})
    with pytest.raises(NotImplementedError, match="partialFilterExpression"):
        embedded_things.create_index("a", partialFilterExpression={"a": 1})
    with pytest.raises(NotImplementedError, match="text"):
        embedded_things.create_index([("a", "text")])
    with pytest.raises(NotImplementedError, match="w=0"):
        embedded_things.with_options(write_concern=WriteConcern(w=0))
    with pytest.raises(NotImplementedError, match="slice"):
        embedded_things.find({}, {"a": {"$slice": 1}})
    with pytest.raises(NotImplementedError, match="serverStatus"):
        embedded_things.database.command("serverStatus")


def test_a_decimal_is_refused(embedded_things: Any) -> None:
    with pytest.raises(NotImplementedError, match="Decimal128"):
        embedded_things.insert_one({"price": [{"of": Decimal128("1.10")}]})


def test_two_arrays_are_not_indexed_together(things: Any) -> None:
    things.create_index([("a", 1), ("b", 1)])

    with pytest.raises(OperationFailure) as refused:
        things.insert_one({"a": [1, 2], "b": [3, 4]})

    assert refused.value.code == 171
    assert things.count_documents({}) == 0


def test_a_file_that_is_no_database_is_named_at_opening(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("this is no database, and long enough to be looked at " * 20)

    with pytest.raises(StoreUnreadable, match=r"store\.db"):
        EmbeddedClient(file)

    assert file.read_text().startswith("this is no database")


def test_the_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    import apsw  # noqa: PLC0415

    file = tmp_path / "store.db"
    with apsw.Connection(str(file)) as other:
        other.execute("CREATE TABLE theirs(x)")
    other.close()

    with pytest.raises(StoreUnreadable, match="another program"):
        EmbeddedClient(file)


def test_a_truncated_store_is_refused_at_opening(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with EmbeddedClient(file) as client:
        client["d"]["c"].insert_many([{"n": n, "text": "x" * 500} for n in range(500)])
    with file.open("r+b") as damaged:
        damaged.truncate(file.stat().st_size // 2)

    with pytest.raises(StoreUnreadable, match="malformed"):
        EmbeddedClient(file)


def test_the_store_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with EmbeddedClient(tmp_path / "new" / "store.db") as client:
        client["d"]["c"].insert_one({})
        modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()}

    assert modes == {0o600}


def test_a_backup_is_a_store_of_the_same_moment(tmp_path: Path) -> None:
    with EmbeddedClient(tmp_path / "store.db") as client:
        client["d"]["c"].create_index("n", unique=True)
        client["d"]["c"].insert_many([{"n": n} for n in range(50)])
        client.backup(tmp_path / "copy.db")
        client["d"]["c"].delete_many({})

    with EmbeddedClient(tmp_path / "copy.db") as copy:
        assert copy["d"]["c"].count_documents({"n": {"$gte": 10}}) == 40
        assert "n_1" in copy["d"]["c"].index_information()


def test_an_error_in_mid_read_does_not_freeze_the_past(embedded_things: Any) -> None:
    embedded_things.insert_many([{"n": 1}, {"n": DBRef("things", 1)}, {"n": 3}])
    kept = []
    for change in (embedded_things.find, embedded_things.delete_many):
        with pytest.raises(NotImplementedError) as refused:
            list(change({"n": {"$gt": 1}}))
        kept.append(refused.value)

    for number in range(3):
        embedded_things.insert_one({"_id": number})
        assert embedded_things.find_one({"_id": number}) is not None
        assert embedded_things.count_documents({}) == 4 + number
    assert len(kept) == 2
