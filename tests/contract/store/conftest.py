"""Every test here runs on each backend; what the wire server lacks is listed."""

from typing import Any

import pytest

from tests.support.store_backends import BACKENDS, MakeDatabase

WIRE_GAPS = {
    "test_a_duplicate_names_the_fields_and_the_values": "no keyPattern in its errors",
    "test_expired_documents_go": "TTL indexes are accepted and not swept",
    "test_expiry_looks_at_the_field_of_the_index_alone": "TTL indexes are not swept",
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name = request.node.originalname
    if request.param == "wire" and name in WIRE_GAPS:
        pytest.skip(f"the wire server: {WIRE_GAPS[name]}")
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
