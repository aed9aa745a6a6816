from app.repositories.processes import ProcessRepository
from tests.support.races import at_once


def test_heartbeats_count_up_for_each_process(processes: ProcessRepository) -> None:
    assert processes.beats() == {}
    for process in ("p1", "p2", "p1"):
        processes.beat(process)

    assert processes.beats() == {"p1": 2, "p2": 1}


def test_a_removed_process_starts_anew(processes: ProcessRepository) -> None:
    for _ in range(3):
        processes.beat("p1")
    processes.beat("p2")

    processes.remove("p1")
    processes.remove("none")
    assert processes.beats() == {"p2": 1}

    processes.beat("p1")
    assert processes.beats() == {"p1": 1, "p2": 1}


def test_no_first_beat_is_lost_among_many(processes: ProcessRepository) -> None:
    at_once(lambda _: processes.beat("p1"))

    assert processes.beats()["p1"] == 32
