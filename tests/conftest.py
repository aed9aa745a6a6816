from hypothesis import settings

pytest_plugins = [
    "tests.support.store_backends",
    "tests.support.upstream",
    "tests.support.servers",
]

# The same examples each time, and no word on how long one takes on a busy machine.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
