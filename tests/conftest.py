pytest_plugins = [
    "tests.support.store_backends",
    "tests.support.upstream",
    "tests.support.servers",
]
