import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from app.errors import Busy
from app.services.thread_shares import (
    RequestThreads,
    ThreadShare,
    fetch_share,
    stream_share,
    turn_share,
)
from tests.support.races import at_once


@pytest.mark.parametrize(
    ("threads", "turns", "streams"),
    [
        (1, 1, 0),
        (2, 1, 0),
        (3, 1, 1),
        (4, 2, 1),
        (8, 6, 1),
        (20, 16, 3),
        (100, 80, 15),
        (320, 256, 48),
    ],
)
def test_turns_hold_four_fifths_and_streams_three_twentieths(
    threads: int, turns: int, streams: int
) -> None:
    assert turn_share(threads) == turns
    assert stream_share(threads) == streams


@pytest.mark.parametrize(
    ("threads", "fetches"), [(2, 0), (4, 1), (20, 3), (100, 8), (320, 8)]
)
def test_few_of_the_streams_threads_fetch_pages(threads: int, fetches: int) -> None:
    assert fetch_share(threads) == fetches


def test_a_thread_is_always_left_over() -> None:
    for threads in range(2, 2001):
        assert turn_share(threads) + stream_share(threads) < threads


def test_beyond_its_slots_it_is_busy_at_once() -> None:
    share = ThreadShare(most=lambda: 2)
    with share.slot(), share.slot():
        with pytest.raises(Busy), share.slot():
            pass
        assert not share.is_idle()

    assert share.is_idle()
    with share.slot():
        pass


def test_a_slot_comes_back_when_its_holder_fails() -> None:
    share = ThreadShare(most=lambda: 1)
    with pytest.raises(ZeroDivisionError), share.slot():
        raise ZeroDivisionError

    assert share.is_idle()


def test_no_slot_is_given_twice() -> None:
    share = ThreadShare(most=lambda: 16)

    with ExitStack() as held:

        def take(_: int) -> bool:
            try:
                held.enter_context(share.slot())
            except Busy:
                return False
            return True

        assert at_once(take).count(True) == 16


def test_the_servers_own_threads_count_before_the_setting() -> None:
    assert RequestThreads(configured=8).count() == 8
    with waitress_threads(3):
        assert RequestThreads(configured=320).count() == 3


def test_threads_are_counted_once_a_second() -> None:
    time = 100.0
    threads = RequestThreads(configured=8, clock=lambda: time)
    assert threads.count() == 8
    with waitress_threads(3):
        time += 0.9
        assert threads.count() == 8
        time += 0.1
        assert threads.count() == 3


@contextmanager
def waitress_threads(count: int) -> Iterator[None]:
    stop = threading.Event()
    threads = [
        threading.Thread(target=stop.wait, name=f"waitress-{n}") for n in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
