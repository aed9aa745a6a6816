"""The queue hands each job to one process, and takes it back from no other."""

from dataclasses import replace

from app.models.job import Job, JobState
from app.repositories.jobs import JobRepository
from tests.support.made import HARD_TEXTS, job, later
from tests.support.races import at_once

KINDS = ["index"]


def claimed(jobs: JobRepository, process: str = "p1") -> Job:
    found = jobs.claim(process, KINDS)
    assert found is not None
    return found


def test_a_claimed_job_is_what_was_added(jobs: JobRepository) -> None:
    added = job(subject=HARD_TEXTS[0], revision=HARD_TEXTS[-1])
    jobs.add(added)

    assert jobs.claim("p1", KINDS) == replace(
        added, state=JobState.RUNNING, process="p1", attempts=1
    )
    assert jobs.claim("p2", KINDS) is None


def test_the_oldest_comes_first_and_then_the_smallest_id(jobs: JobRepository) -> None:
    for name, seconds in (("c", 2), ("b", 1), ("d", 3), ("a", 2)):
        jobs.add(job(id=name, created_at=later(seconds)))

    assert [claimed(jobs).id for _ in range(4)] == ["b", "a", "c", "d"]


def test_assistants_have_their_turns(jobs: JobRepository) -> None:
    for n in range(3):
        jobs.add(job(id=f"b{n}", assistant_id="b", created_at=later(n)))
    jobs.add(job(id="c0", assistant_id="c", created_at=later(10)))
    jobs.add(job(id="a0", assistant_id="a", created_at=later(20)))

    found, after = [], "a"
    while one := jobs.claim("p1", KINDS, after=after):
        found.append(one.id)
        after = one.assistant_id

    assert found == ["b0", "c0", "a0", "b1", "b2"]


def test_jobs_of_other_kinds_are_left_alone(jobs: JobRepository) -> None:
    jobs.add(job(id="first", kind="mail", created_at=later(-1)))
    jobs.add(job(id="second"))

    assert claimed(jobs).id == "second"
    assert jobs.claim("p1", KINDS) is None
    found = jobs.claim("p1", ["index", "mail"])
    assert found is not None
    assert found.id == "first"


def test_a_job_that_is_queued_or_runs_is_not_added_again(jobs: JobRepository) -> None:
    jobs.add(job(id="j1"))
    jobs.add(job(id="j1", revision="r2"))
    assert jobs.count(JobState.QUEUED) == 1

    assert claimed(jobs).revision == "r1"
    jobs.add(job(id="j1"))
    assert jobs.claim("p1", KINDS) is None


def test_a_job_that_is_parked_or_done_is_added_anew(jobs: JobRepository) -> None:
    jobs.add(job(id="j1"))
    claimed(jobs)
    jobs.park("j1", "p1", "broken")
    jobs.add(job(id="j1", revision="r2"))

    found = claimed(jobs)
    assert (found.attempts, found.error) == (1, None)
    assert found.revision == "r2"

    jobs.finish("j1", "p1")
    jobs.add(job(id="j1"))
    assert claimed(jobs).attempts == 1


def test_a_finished_job_is_gone(jobs: JobRepository) -> None:
    jobs.add(job(id="j1"))
    claimed(jobs)
    jobs.finish("j1", "p1")

    assert [jobs.count(state) for state in JobState] == [0, 0, 0]
    assert jobs.processes() == []


def test_a_parked_job_is_nobodys(jobs: JobRepository) -> None:
    jobs.add(job(id="j1"))
    claimed(jobs)
    jobs.park("j1", "p1", "broken")

    assert jobs.count(JobState.PARKED) == 1
    assert jobs.claim("p1", KINDS) is None
    assert jobs.processes() == []


def test_a_job_given_back_has_the_attempts_it_is_given_with(
    jobs: JobRepository,
) -> None:
    jobs.add(job(id="j1"))
    claimed(jobs)
    jobs.give_back("j1", "p1", 0)
    assert jobs.processes() == []
    assert claimed(jobs).attempts == 1

    assert jobs.set_attempts("j1", "p1", 7)
    assert jobs.give_back_all("p1") == 1
    assert claimed(jobs, "p2").attempts == 8


def test_who_does_not_have_a_job_changes_nothing_of_it(jobs: JobRepository) -> None:
    jobs.add(job(id="queued", created_at=later(1)))
    jobs.add(job(id="running"))
    claimed(jobs)
    before = jobs.find_by_process("p1")

    for name in ("queued", "running", "none"):
        jobs.finish(name, "p2")
        jobs.give_back(name, "p2", 0)
        jobs.park(name, "p2", "broken")
        assert not jobs.set_attempts(name, "p2", 5)
    assert jobs.give_back_all("p2") == 0

    assert jobs.find_by_process("p1") == before
    assert [jobs.count(state) for state in JobState] == [1, 1, 0]


def test_what_a_process_has_is_found(jobs: JobRepository) -> None:
    for n in range(5):
        jobs.add(job(id=f"j{n}", created_at=later(n)))
    for process in ("p2", "p1", "p2"):
        claimed(jobs, process)

    assert jobs.processes() == ["p1", "p2"]
    assert {found.id for found in jobs.find_by_process("p2")} == {"j0", "j2"}
    assert jobs.give_back_all("p2") == 2
    assert jobs.processes() == ["p1"]
    assert claimed(jobs, "p3").id == "j0"


def test_jobs_that_do_not_run_go_with_their_subject_and_with_their_assistant(
    jobs: JobRepository,
) -> None:
    jobs.add(job(id="j1", subject="d1"))
    jobs.add(job(id="j2", subject="d1"))
    jobs.add(job(id="j3", subject="d2", assistant_id="a2"))
    jobs.add(job(id="j4", subject="d3"))
    claimed(jobs)

    jobs.remove_for_subject("d1")
    assert [jobs.count(state) for state in JobState] == [2, 1, 0]
    jobs.remove_for_assistant("a2")
    assert claimed(jobs).id == "j4"
    jobs.remove_for_assistant("a1")
    assert [jobs.count(state) for state in JobState] == [0, 2, 0]
    assert jobs.claim("p1", KINDS) is None


def test_many_at_once_get_a_job_each(jobs: JobRepository) -> None:
    names = {f"j{n:02}" for n in range(40)}

    def add(_: int) -> None:
        for name in sorted(names):
            jobs.add(job(id=name))

    at_once(add, threads=4)

    def claim(number: int) -> list[str]:
        return [claimed(jobs, f"p{number}").id for _ in range(5)]

    taken = [name for mine in at_once(claim, threads=8) for name in mine]

    assert sorted(taken) == sorted(names)
    assert jobs.claim("p1", KINDS) is None
