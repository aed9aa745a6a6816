import threading

import pytest

from app.errors import Busy
from app.services.turn_slots import TurnSlots, count_waitress_threads, turn_share
from tests.support.races import at_once


@pytest.mark.parametrize(
    ("threads", "share"),
    [(1, 1), (2, 1), (3, 1), (4, 2), (8, 6), (20, 16), (100, 80), (320, 256)],
)
def test_turns_hold_at_most_four_fifths_and_leave_one_over(
    threads: int, share: int
) -> None:
    assert turn_share(threads) == share


def test_beyond_its_slots_it_is_busy_at_once() -> None:
    slots = TurnSlots(configured_threads=4)
    with slots.slot(), slots.slot():
        with pytest.raises(Busy):
            slots.take()
        assert not slots.is_idle()

    assert slots.is_idle()
    with slots.slot():
        pass


def test_a_slot_comes_back_when_its_holder_fails() -> None:
    slots = TurnSlots(configured_threads=1)
    with pytest.raises(ZeroDivisionError), slots.slot():
        raise ZeroDivisionError

    assert slots.is_idle()


def test_no_slot_is_given_twice() -> None:
    slots = TurnSlots(configured_threads=20)

    def take(_: int) -> bool:
        try:
            slots.take()
        except Busy:
            return False
        return True

    assert at_once(take).count(True) == 16


def test_the_servers_own_threads_count_before_the_setting() -> None:
    assert count_waitress_threads() == 0
    assert TurnSlots(configured_threads=8).threads() == 8
    stop = threading.Event()
    threads = [
        threading.Thread(target=stop.wait, name=f"waitress-{n}") for n in range(3)
    ]
    for thread in threads:
        thread.start()
    try:
        assert TurnSlots(configured_threads=320).threads() == 3
    finally:
        stop.set()
        for thread in threads:
            thread.join()
