from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.quick import cheap_passwords

pytest_plugins = [
    "tests.support.store_backends",
    "tests.support.upstream",
    "tests.support.servers",
]

# The same examples each time, and no word on how long one takes on a busy machine.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones: at the end nobody is left to run beside them."""
    items.sort(key=lambda item: "faults" not in str(item.path))


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with cheap_passwords():
        yield
