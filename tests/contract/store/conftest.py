"""Every test here runs on each backend; what the wire server lacks is listed."""

from typing import Any

import pytest

from tests.support.store_backends import BACKENDS, MakeDatabase

# A part of a test's name, and what mongo-java-server does instead.
WIRE_GAPS = {
    "test_a_duplicate_names_the_fields_and_the_values": "no keyPattern in its errors",
    "test_a_unique_index_below_an_array": "uniqueness below an array is not enforced",
    "test_a_failure_is_counted": "ordered bulk writes report a wrong count",
    "test_two_arrays_are_not_indexed_together": "parallel arrays are accepted",
    "test_expired_documents_go": "TTL indexes are accepted and not swept",
    "test_a_value_is_found_by_equality[wire-{}]": "{} as a value finds everything",
    "test_a_value_is_found_through_an_index[wire-{}]": "{} as a value finds everything",
    "test_distinct_looks_into_arrays": "drops the connection",
    "{'n': {'$gt': 1, '$lt': 2}}": "both bounds must hold for one element",
    "{'list': {'$gt': 6, '$lt': 4}}": "both bounds must hold for one element",
    "{'n': {'$gte': None}}": "$gte null finds nothing",
    "{'items.v': {'$exists': False}": "$exists false holds for any element",
    "{'items': {'k': 'a', 'v': 9}}": "no equality with a document inside an array",
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "wire":
        for part, reason in WIRE_GAPS.items():
            if part in request.node.name:
                pytest.skip(f"the wire server: {reason}")
    return str(request.param)


@pytest.fixture
def db(backend: str, make_database: MakeDatabase) -> Any:
    return make_database(backend)


@pytest.fixture
def things(db: Any) -> Any:
    return db["things"]


@pytest.fixture
def embedded_things(make_database: MakeDatabase) -> Any:
    return make_database("embedded")["things"]
