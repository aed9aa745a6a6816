"""Random documents and filters: indexes, and a server, must agree with a full scan."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from app.repositories.embedded.indexing import KeyMaker
from tests.support.store_backends import MakeDatabase, assert_indexes_agree

SETTINGS = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
START = datetime(2026, 1, 1, tzinfo=UTC)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5, 2.0]),
    st.sampled_from(["", "a", "ab", "b", "é"]),
    st.integers(0, 3).map(lambda days: START + timedelta(days=days)),
)
arrays = st.lists(scalars, max_size=3)
values = st.one_of(scalars, scalars, arrays)
documents = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "a": values,
            "b": scalars,
            "c": st.fixed_dictionaries({}, optional={"x": values, "y": scalars}),
            "items": st.lists(
                st.fixed_dictionaries({}, optional={"k": scalars, "v": scalars}),
                max_size=3,
            ),
        },
    ),
    min_size=1,
    max_size=12,
)
fields = st.sampled_from(["a", "b", "c.x", "c.y", "items.k", "items.v"])
bounds = st.one_of(
    st.integers(-3, 3), st.sampled_from(["", "a", "b"]), st.just(START), st.booleans()
)
conditions = st.one_of(
    scalars,
    scalars,
    st.fixed_dictionaries({"$in": st.lists(scalars, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(scalars, max_size=2)}),
    st.fixed_dictionaries({"$ne": scalars}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$gt": bounds}),
    st.fixed_dictionaries({"$lte": bounds}),
    st.fixed_dictionaries({"$gte": bounds, "$lt": bounds}),
    st.fixed_dictionaries({"$regex": st.sampled_from(["^a", "^ab?", "b$", "^é"])}),
    st.fixed_dictionaries({"$not": st.fixed_dictionaries({"$gt": bounds})}),
)
plain = st.dictionaries(fields, conditions, max_size=3)
filters = st.one_of(
    plain,
    st.fixed_dictionaries({"$or": st.lists(plain, min_size=1, max_size=2)}),
    st.builds(lambda one, other: {"$and": [one, other]}, plain, plain),
)
orders = st.lists(
    st.tuples(fields, st.sampled_from([1, -1])),
    max_size=2,
    unique_by=lambda pair: pair[0],
)
# Without arrays indexes serve more, and the wire server differs on null bounds alone.
flat_documents = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "a": scalars,
            "b": scalars,
            "c": st.fixed_dictionaries({"x": scalars}, optional={"y": scalars}),
        },
    ),
    min_size=1,
    max_size=10,
)
flat_fields = st.sampled_from(["a", "b", "c.x", "c.y"])
flat_orders = st.lists(
    st.tuples(flat_fields, st.sampled_from([1, -1])),
    max_size=3,
    unique_by=lambda pair: pair[0],
)
flat = st.dictionaries(flat_fields, conditions, max_size=3)
flat_filters = st.one_of(
    flat, st.fixed_dictionaries({"$or": st.lists(flat, min_size=1, max_size=2)})
)

INDEXES: list[list[tuple[str, int]]] = [
    [("a", 1)],
    [("a", -1), ("b", 1)],
    [("b", 1), ("c.y", -1), ("a", 1)],
    [("c.x", -1)],
    [("items.k", 1), ("items.v", -1)],
    [("b", -1), ("items.v", 1)],
]


def fill(things: Any, listed: list[dict[str, Any]]) -> Any:
    things.delete_many({})
    things.insert_many([{"_id": n, **each} for n, each in enumerate(listed)])
    return things


@pytest.fixture
def plain_things(make_database: MakeDatabase) -> Any:
    return make_database("embedded")["plain"]


@pytest.fixture
def indexed(make_database: MakeDatabase) -> Any:
    things = make_database("embedded")["indexed"]
    for keys in INDEXES:
        things.create_index(keys)
    things.create_index("c.y", sparse=True)
    return things


@pytest.fixture
def served(make_database: MakeDatabase) -> Any:
    return make_database("wire")["things"]


@SETTINGS
@given(documents, filters, orders, st.integers(0, 4))
def test_indexes_never_change_the_answer(  # noqa: PLR0917
    plain_things: Any,
    indexed: Any,
    listed: list[dict[str, Any]],
    condition: dict[str, Any],
    order: list[tuple[str, int]],
    limit: int,
) -> None:
    answers_agree(plain_things, indexed, listed, condition, order, limit)


@SETTINGS
@given(flat_documents, flat_filters, flat_orders, st.integers(0, 4))
def test_indexes_without_arrays_never_change_the_answer(  # noqa: PLR0917
    plain_things: Any,
    indexed: Any,
    listed: list[dict[str, Any]],
    condition: dict[str, Any],
    order: list[tuple[str, int]],
    limit: int,
) -> None:
    answers_agree(plain_things, indexed, listed, condition, order, limit)


def answers_agree(  # noqa: PLR0917
    plain_things: Any,
    indexed: Any,
    listed: list[dict[str, Any]],
    condition: dict[str, Any],
    order: list[tuple[str, int]],
    limit: int,
) -> None:
    fill(plain_things, listed)
    fill(indexed, listed)
    whole = [*order, ("_id", 1)]

    expected = list(plain_things.find(condition).sort(whole).limit(limit))

    assert list(indexed.find(condition).sort(whole).limit(limit)) == expected
    assert indexed.count_documents(condition) == plain_things.count_documents(condition)
    if order:
        loose = list(indexed.find(condition).sort(order))
        assert len(loose) == plain_things.count_documents(condition)
        strict = list(plain_things.find(condition).sort(order))
        assert [key(d, order) for d in loose] == [key(d, order) for d in strict]


def key(document: dict[str, Any], order: list[tuple[str, int]]) -> bytes:
    return KeyMaker(tuple(order)).sort_key(document)


changes = st.one_of(
    st.fixed_dictionaries({"$set": st.dictionaries(st.sampled_from(["a", "b", "c.y"]), values, min_size=1)}),
    st.fixed_dictionaries({"$push": st.fixed_dictionaries({"items": st.fixed_dictionaries({"k": scalars})})}),
    st.fixed_dictionaries({"$unset": st.fixed_dictionaries({"a": st.just(1)})}),
    st.fixed_dictionaries({"$addToSet": st.fixed_dictionaries({"a": scalars})}),
)  # fmt: skip


@SETTINGS
@given(documents, st.lists(st.tuples(plain, changes), max_size=4), plain)
def test_indexes_follow_every_change(
    indexed: Any,
    listed: list[dict[str, Any]],
    updates: list[tuple[dict[str, Any], dict[str, Any]]],
    deleted: dict[str, Any],
) -> None:
    things = fill(indexed, listed)
    for condition, update in updates:
        try:
            things.update_many(condition, update)
        except OperationFailure:
            continue
    things.delete_many(deleted)

    assert_indexes_agree(things)


@SETTINGS
@given(flat_documents, flat_filters)
def test_a_server_finds_the_same(
    plain_things: Any,
    served: Any,
    listed: list[dict[str, Any]],
    condition: dict[str, Any],
) -> None:
    embedded, server = fill(plain_things, listed), fill(served, listed)

    expected = sorted(document["_id"] for document in server.find(condition))

    assert sorted(document["_id"] for document in embedded.find(condition)) == expected
