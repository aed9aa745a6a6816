"""How long a request may keep the store busy."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect

from app.errors import StoreUnavailable
from app.repositories import store_time as limits
from app.repositories.database import connect_embedded, together
from app.repositories.failures import store_errors_translated
from app.repositories.store_time import limit_store_time, store_time
from app.repositories.users import UserRepository
from app.routes.event_stream import Event, stream
from tests.support import made

SECONDS = 10.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@store_errors_translated
class Slow:
    """A repository whose operations take as long as they are told to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ended = 0

    def use(self, seconds: float) -> None:
        self._clock.pass_by(seconds)
        self.ended += 1

    def use_twice(self, seconds: float) -> None:
        self.use(seconds)
        self.use(seconds)

    def break_off(self, seconds: float) -> None:
        self._clock.pass_by(seconds)
        raise AutoReconnect


class Undone(Exception):
    pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(limits, "monotonic", clock)
    limit_store_time(SECONDS)
    yield clock
    limit_store_time(None)


@pytest.fixture
def store(clock: Clock) -> Slow:
    return Slow(clock)


def is_refused(use: Callable[[], object]) -> bool:
    try:
        use()
    except StoreUnavailable:
        return True
    return False


def test_a_call_that_begins_in_time_may_end_and_the_next_is_refused(
    store: Slow,
) -> None:
    store.use(9.9)
    store.use(30.0)

    with pytest.raises(StoreUnavailable) as caught:
        store.use(0.0)

    assert store.ended == 2
    assert caught.value.retry_after == 3


def test_the_seconds_of_many_calls_add_up(store: Slow) -> None:
    for _ in range(5):
        store.use(2.0)

    assert is_refused(lambda: store.use(2.0))


def test_calls_within_a_call_are_counted_once_and_not_refused(store: Slow) -> None:
    store.use_twice(4.9)
    store.use_twice(20.0)

    assert store.ended == 4
    assert is_refused(lambda: store.use(0.0))


def test_a_call_that_fails_counts_too(store: Slow) -> None:
    with pytest.raises(StoreUnavailable):
        store.break_off(9.0)
    store.use(1.0)

    assert is_refused(lambda: store.use(0.0))
    assert store.ended == 1


def test_who_waits_for_something_else_and_looks_now_and_then_does_not_run_out(
    store: Slow, clock: Clock
) -> None:
    for _ in range(100):
        store.use(0.2)
        clock.pass_by(0.25)

    store.use(9.9)


def test_waiting_gives_back_what_was_used_and_no_more(
    store: Slow, clock: Clock
) -> None:
    store.use(12.0)
    clock.pass_by(2.0)
    assert is_refused(lambda: store.use(0.0))

    clock.pass_by(3600.0)
    store.use(10.0)
    assert is_refused(lambda: store.use(0.0))


def test_without_a_limit_it_takes_what_it_takes(store: Slow) -> None:
    limit_store_time(None)

    for _ in range(10):
        store.use(60.0)

    assert store.ended == 10


def test_another_thread_has_no_part_in_it(store: Slow) -> None:
    store.use(20.0)

    thread = threading.Thread(target=store.use, args=[0.0])
    thread.start()
    thread.join()

    assert store.ended == 2


def test_a_new_limit_begins_anew(store: Slow) -> None:
    store.use(20.0)

    limit_store_time(SECONDS)

    store.use(1.0)


def test_it_is_logged_once(store: Slow, caplog: pytest.LogCaptureFixture) -> None:
    store.use(20.0)

    with caplog.at_level(logging.WARNING):
        assert is_refused(lambda: store.use(0.0))
        assert is_refused(lambda: store.use(0.0))

    assert caplog.messages == ["store time used up"]


def test_a_streamed_turn_has_what_its_request_has_left() -> None:
    limit_store_time(SECONDS)
    ended = threading.Event()
    found = []

    def events() -> Iterator[Event]:
        found.append(store_time.get())
        yield "done", {}

    try:
        stream(events(), at_end=ended.set)
        assert ended.wait(10)
        assert found == [store_time.get()]
        assert found[0] is not None
    finally:
        limit_store_time(None)


def test_what_is_written_together_is_one_call(tmp_path: Path, clock: Clock) -> None:
    client, db = connect_embedded(tmp_path)
    users, ana, rui = UserRepository(db), made.user(), made.user()
    with client:
        with together(db):
            clock.pass_by(12.0)  # the lock and the writes: nothing is cut off there
            users.add(ana)
        with pytest.raises(StoreUnavailable), together(db):
            pytest.fail("nothing may begin any more")
        clock.pass_by(4.0)
        with contextlib.suppress(Undone), together(db):
            clock.pass_by(3.0)
            users.add(rui)
            raise Undone

        assert is_refused(lambda: users.get(ana.id))
        limit_store_time(None)
        assert users.get(ana.id) == ana
        assert users.get(rui.id) is None
