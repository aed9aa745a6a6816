"""Who is told of what happens in chats, here and in other processes."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.errors import Busy, StoreUnavailable
from app.models.event import Position
from app.services import event_log
from app.services.event_hub import BACKLOG, BUFFERED
from app.services.event_log import EventLog
from tests.support.event_processes import (
    Processes,
    event,
    eventually,
    everything,
    is_reset,
    nothing_more,
    taken,
    told,
)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.end()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "RETRY_AFTER", 0.005)


def publish(log: EventLog, first: int, last: int) -> list[str]:
    numbers = range(first, last + 1)
    for number in numbers:
        log.publish(event(number))
    return [f"m{number}" for number in numbers]


def test_a_subscriber_of_the_same_process_needs_no_store(processes: Processes) -> None:
    log, outage = processes.start_with_faults("a")
    subscription = log.subscribe(everything)
    outage.refuses |= {"add", "heads", "list_after"}

    published = publish(log, 1, 3)

    assert taken(subscription, 3) == published


def test_a_subscriber_of_another_process_is_told_in_order(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    subscription = two.subscribe(everything)

    published = publish(one, 1, 700)

    assert taken(subscription, 700) == published


def test_nobody_is_told_of_what_they_do_not_want(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    wanted = [log.subscribe(lambda e: e.assistant_id == "a2") for log in (one, two)]

    one.publish(event(1, "a1"))
    one.publish(event(2, "a2"))

    assert [taken(subscription, 1) for subscription in wanted] == [["m2"], ["m2"]]


def test_what_came_before_the_subscription_is_not_told(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    publish(one, 1, 3)
    eventually(lambda: processes.store.heads() == {"a": 3})

    subscriptions = [log.subscribe(everything) for log in (one, two)]
    publish(one, 4, 4)

    for subscription in subscriptions:
        assert taken(subscription, 1) == ["m4"]
        assert nothing_more(subscription)


def test_a_process_that_starts_later_is_heard(processes: Processes) -> None:
    subscription = processes.start("a").subscribe(everything)

    publish(processes.start("b"), 1, 1)

    assert taken(subscription, 1) == ["m1"]


def test_what_gathers_is_written_together(processes: Processes) -> None:
    log, outage = processes.start_with_faults("a")
    outage.refuses = {"add"}
    publish(log, 1, 1200)
    outage.refuses = set()
    log.close()

    sizes = [len(batch.events) for batch in processes.store.batches]
    assert sizes == [500, 500, 200]


def test_nothing_is_written_while_nothing_happens(processes: Processes) -> None:
    log = processes.start("a")
    log.subscribe(everything)

    log.tend()
    log.close()

    assert processes.store.batches == []
    assert processes.store.heads() == {}


def test_the_end_of_a_process_writes_what_is_left(processes: Processes) -> None:
    log = processes.start("a")
    publish(log, 1, 20)

    log.close()

    [*_, last] = processes.store.batches
    assert last.events[-1] == event(20)
    assert processes.store.heads() == {"a": 20}


def test_events_wait_for_a_store_that_is_away(
    processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    one, outage = processes.start_with_faults("a")
    subscription = processes.start("b").subscribe(everything)
    outage.refuses = {"add"}

    with caplog.at_level(logging.WARNING):
        published = publish(one, 1, 50)
        eventually(lambda: outage.refused > 3)
    outage.refuses = set()

    assert taken(subscription, 50) == published
    assert len(caplog.records) == 1


def test_a_reader_goes_on_where_it_was_when_the_store_is_back(
    processes: Processes,
) -> None:
    one = processes.start("a")
    two, outage = processes.start_with_faults("b")
    subscription = two.subscribe(everything)
    outage.refuses = {"heads", "list_after"}

    published = publish(one, 1, 5)
    eventually(lambda: outage.refused > 1)
    outage.refuses = set()

    assert taken(subscription, 5) == published


def test_who_cannot_reach_the_store_is_refused(processes: Processes) -> None:
    log, outage = processes.start_with_faults("a")
    outage.refuses = {"heads"}

    with pytest.raises(StoreUnavailable):
        log.subscribe(everything)

    outage.refuses = set()
    subscription = log.subscribe(everything)
    assert taken(subscription, len(publish(log, 1, 1))) == ["m1"]


def test_without_a_thread_nothing_breaks_and_nothing_is_lost(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one, two = processes.start("a"), processes.start("b")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        publish(one, 1, 1)
        with pytest.raises(Busy):
            two.subscribe(everything)

    subscription = two.subscribe(everything)
    publish(one, 2, 2)
    assert taken(subscription, 2) == ["m1", "m2"]


def test_who_reads_too_slowly_has_to_read_anew(processes: Processes) -> None:
    log = processes.start("a")
    subscription = log.subscribe(everything)

    publish(log, 1, BUFFERED + 1)

    assert is_reset(subscription)
    assert taken(subscription, len(publish(log, 5000, 5002))) == [
        "m5000",
        "m5001",
        "m5002",
    ]


def test_after_too_long_an_outage_others_have_to_read_anew(
    processes: Processes,
) -> None:
    one, outage = processes.start_with_faults("a")
    subscription = processes.start("b").subscribe(everything)
    publish(one, 1, 1)
    assert taken(subscription, 1) == ["m1"]

    outage.refuses = {"add"}
    publish(one, 2, BACKLOG + 5)
    outage.refuses = set()

    assert is_reset(subscription)
    publish(one, 20_000, 20_000)
    *_, last = iter(lambda: subscription.get(1), None)
    assert isinstance(last, tuple)
    assert last[1] == event(20_000)


def test_what_was_written_twice_is_told_once(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    subscription = two.subscribe(everything)
    published = publish(one, 1, 3)
    assert taken(subscription, 3) == published
    [batch, *_] = processes.store.batches

    processes.store.add(batch)
    published = publish(one, 4, 4)

    assert taken(subscription, 1) == published
    resumed = two.subscribe(everything, after=Position({}))
    assert taken(resumed, 4) == ["m1", "m2", "m3", "m4"]


def test_a_batch_whose_answer_was_lost_is_told_once(processes: Processes) -> None:
    one, outage = processes.start_with_faults("a")
    subscription = processes.start("b").subscribe(everything)
    outage.loses_answers_of = {"add"}
    published = publish(one, 1, 3)
    assert taken(subscription, 3) == published

    published = publish(one, 4, 5)
    assert taken(subscription, 2) == published
    outage.loses_answers_of = set()
    published = publish(one, 6, 6)

    assert taken(subscription, 1) == published
    assert nothing_more(subscription)


@pytest.mark.parametrize("continued_at", ["a", "c"])
def test_a_subscriber_continues_after_a_position(
    processes: Processes, continued_at: str
) -> None:
    logs = {name: processes.start(name) for name in "abc"}
    one, two = logs["a"], logs["b"]
    subscription = one.subscribe(everything)
    publish(one, 1, 2)
    told(subscription)
    position, _ = told(subscription)
    subscription.close()

    published = publish(one, 3, 5)
    eventually(lambda: processes.store.heads().get("a") == 5)
    others = publish(two, 101, 103)
    eventually(lambda: processes.store.heads().get("b") == 3)
    resumed = logs[continued_at].subscribe(
        everything, after=Position.decode(position.encode())
    )

    found = taken(resumed, 6)
    assert [name for name in found if name in published] == published
    assert [name for name in found if name in others] == others
    assert nothing_more(resumed)


def test_what_is_not_in_the_store_yet_is_not_missed(processes: Processes) -> None:
    log, outage = processes.start_with_faults("a")
    outage.refuses = {"add"}
    subscription = log.subscribe(everything)
    publish(log, 1, 3)
    position, _ = told(subscription)

    resumed = log.subscribe(everything, after=position)
    publish(log, 4, 4)

    assert taken(resumed, 3) == ["m2", "m3", "m4"]


def test_who_was_ahead_of_this_process_is_told_nothing_twice(
    processes: Processes,
) -> None:
    one, outage = processes.start_with_faults("a")
    two = processes.start("b")
    publish(one, 1, 1)
    eventually(lambda: processes.store.heads() == {"a": 1})
    here = one.subscribe(everything)
    outage.refuses = {"add"}
    publish(one, 2, 4)
    *_, (position, _) = [told(here) for _ in range(3)]

    resumed = two.subscribe(everything, after=position)
    assert resumed.position() == position
    outage.refuses = set()
    publish(one, 5, 5)

    assert taken(resumed, 1) == ["m5"]
    assert resumed.position() == Position({"a": 5})


def test_a_position_grows_with_what_was_not_wanted(processes: Processes) -> None:
    log = processes.start("a")
    subscription = log.subscribe(lambda _: False)

    publish(log, 1, 3)

    assert subscription.get(0) is None
    assert subscription.position() == Position({"a": 3})


@pytest.mark.parametrize(
    "position",
    [Position({"never": 1}), Position({"a": 9}), Position({"a": 1, "never": 3})],
)
def test_an_unknown_position_means_to_read_anew(
    processes: Processes, position: Position
) -> None:
    log = processes.start("a")
    publish(log, 1, 3)

    subscription = log.subscribe(everything, after=position)

    assert is_reset(subscription)
    assert nothing_more(subscription)
    assert taken(subscription, len(publish(log, 4, 4))) == ["m4"]


def test_a_position_that_is_too_old_means_to_read_anew(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    publish(one, 1, 2)
    eventually(lambda: processes.store.heads() == {"a": 2})
    processes.clock.wall += timedelta(hours=2)
    publish(one, 3, 3)
    eventually(lambda: processes.store.heads() == {"a": 3})
    one.tend()

    for log in (one, two):
        assert is_reset(log.subscribe(everything, after=Position({"a": 1})))
        assert taken(log.subscribe(everything, after=Position({"a": 2})), 1) == ["m3"]


def test_a_quiet_process_keeps_its_place(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    publish(one, 1, 2)
    eventually(lambda: processes.store.heads() == {"a": 2})
    for _ in range(3):
        processes.clock.wall += timedelta(minutes=50)
        one.tend()
    assert processes.store.batches == []

    resumed = two.subscribe(everything, after=Position({"a": 2}))
    publish(one, 3, 3)

    assert taken(resumed, 1) == ["m3"]


def test_clocks_may_jump(processes: Processes) -> None:
    one, two = processes.start("a"), processes.start("b")
    subscription = two.subscribe(everything)

    for number, jump in enumerate((1, -2, 1), 1):
        processes.clock.wall += timedelta(hours=jump)
        publish(one, number, number)
        assert taken(subscription, 1) == [f"m{number}"]


def test_too_much_to_catch_up_with_means_to_read_anew(processes: Processes) -> None:
    log = processes.start("a")
    publish(log, 1, BUFFERED + 1)

    assert is_reset(log.subscribe(everything, after=Position({})))


def test_who_fails_to_catch_up_is_not_kept(processes: Processes) -> None:
    log, outage = processes.start_with_faults("a")
    kept = log.subscribe(everything)
    publish(log, 1, 1)
    outage.refuses = {"list_after"}

    with pytest.raises(StoreUnavailable):
        log.subscribe(everything, after=Position({}))

    assert log._hub.subscriptions == {kept}


def test_nobody_reads_the_store_without_a_subscriber(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "IDLE_READS", 3)
    one, two = processes.start("a"), processes.start("b")
    two.subscribe(everything).close()
    eventually(lambda: two._reader is None)

    publish(one, 1, 1)
    eventually(lambda: processes.store.heads() == {"a": 1})
    subscription = two.subscribe(everything)
    publish(one, 2, 2)

    assert taken(subscription, 1) == ["m2"]


def test_who_waits_is_let_go_when_the_subscription_closes(
    processes: Processes,
) -> None:
    subscription = processes.start("a").subscribe(everything)
    found: list[object] = [...]
    waiting = threading.Thread(target=lambda: found.append(subscription.get(60)))
    waiting.start()

    subscription.close()
    waiting.join(10)

    assert found == [..., None]


def test_what_has_expired_before_it_was_read_means_to_read_anew(
    processes: Processes,
) -> None:
    one = processes.start("a")
    two, outage = processes.start_with_faults("b")
    subscription = two.subscribe(everything)
    outage.refuses = {"heads"}
    publish(one, 1, 3)
    eventually(lambda: processes.store.heads() == {"a": 3})
    processes.store.batches.clear()

    outage.refuses = set()

    assert is_reset(subscription)
    publish(one, 4, 4)
    assert taken(subscription, 1) == ["m4"]


def test_a_position_does_not_name_processes_of_which_nothing_is_left(
    processes: Processes,
) -> None:
    one, two = processes.start("a"), processes.start("b")
    subscription = two.subscribe(everything)
    publish(one, 1, 1)
    told(subscription)
    one.close()

    processes.clock.wall += timedelta(hours=2)
    two.tend()

    eventually(lambda: subscription.position() == Position({}))


def test_three_processes_and_a_restless_subscriber_lose_and_repeat_nothing(
    processes: Processes,
) -> None:
    logs = [processes.start(name) for name in "abc"]
    each = BUFFERED // 4  # so that nobody reads too slowly
    for place, log in enumerate(logs):
        publish(log, 1000 * place, 1000 * place)
    eventually(lambda: len(processes.store.heads()) == len(logs))

    def work(log: EventLog, start: int) -> None:
        for number in range(start + 1, start + each):
            log.publish(event(number))
            if number % 10 == 0:
                processes.clock.wall += timedelta(minutes=1)

    publishers = [
        threading.Thread(target=work, args=(log, 1000 * place))
        for place, log in enumerate(logs)
    ]
    subscription = logs[0].subscribe(everything, after=Position({}))
    for publisher in publishers:
        publisher.start()
    found: list[str] = []
    while len(found) < 3 * each:
        position, happened = told(subscription)
        found.append(happened.message_ids[0])
        if len(found) % 25 == 0:
            subscription.close()
            log = logs[len(found) // 25 % 3]
            subscription = log.subscribe(
                everything, after=Position.decode(position.encode())
            )
    for publisher in publishers:
        publisher.join()

    assert nothing_more(subscription)
    for place in range(3):
        mine = [int(name[1:]) for name in found if int(name[1:]) // 1000 == place]
        assert mine == list(range(1000 * place, 1000 * place + each))
