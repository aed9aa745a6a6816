from collections.abc import Collection
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.models.job import Job, JobState
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.rows import fields_of

IN_TURN = [("assistant_id", ASCENDING), ("created_at", ASCENDING), ("_id", ASCENDING)]
OF_NOBODY = {"process": ""}
NOT_RUNNING = {"state": {"$ne": JobState.RUNNING.value}}


@store_errors_translated
class JobRepository:
    """The queue of jobs; one that is done leaves it.

    Only the adding waits for the disk: what a power cut takes back of the rest is
    done again.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._jobs = db["jobs"]
        self._repairable = self._jobs.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._jobs.create_index([("state", ASCENDING), *IN_TURN])
        self._jobs.create_index([("process", ASCENDING)], sparse=True)
        self._jobs.create_index([("subject", ASCENDING)])
        self._jobs.create_index([("assistant_id", ASCENDING)])

    def add(self, job: Job) -> None:
        """Queue a job; nothing happens when one of its id is queued or runs.

        One that is parked starts anew.
        """
        row = _row(job)
        try:
            self._jobs.insert_one(row)
        except DuplicateKeyError:
            self._jobs.replace_one({"_id": job.id, "state": JobState.PARKED.value}, row)

    def claim(
        self, process: str, kinds: Collection[str], *, after: str = ""
    ) -> Job | None:
        """Let a process run a queued job, which counts as an attempt.

        Assistants have their turns in the order of their ids: it is the oldest job of
        the next one after ``after`` that has any.
        """
        queued = {"state": JobState.QUEUED.value, "kind": {"$in": sorted(kinds)}}
        next_one = queued | {"assistant_id": {"$gt": after}}
        row = self._claim(process, next_one) or self._claim(process, queued)
        return _job(row) if row else None

    def set_attempts(self, job_id: str, process: str, attempts: int) -> bool:
        """Correct the count; False when the process does not have the job."""
        result = self._repairable.update_one(
            {"_id": job_id, "process": process}, {"$set": {"attempts": attempts}}
        )
        return result.matched_count == 1

    def finish(self, job_id: str, process: str) -> None:
        """Remove a job, if the process has it."""
        self._repairable.delete_one({"_id": job_id, "process": process})

    def give_back(self, job_id: str, process: str, attempts: int) -> None:
        """Queue a job again, if the process has it."""
        self._repairable.update_one(
            {"_id": job_id, "process": process},
            {
                "$set": {"state": JobState.QUEUED.value, "attempts": attempts},
                "$unset": OF_NOBODY,
            },
        )

    def give_back_all(self, process: str) -> int:
        """Queue again what a process had, as often as it was tried; how many."""
        result = self._repairable.update_many(
            {"process": process},
            {"$set": {"state": JobState.QUEUED.value}, "$unset": OF_NOBODY},
        )
        return result.modified_count

    def park(self, job_id: str, process: str, error: str) -> None:
        """Put a job aside, if the process has it."""
        self._repairable.update_one(
            {"_id": job_id, "process": process},
            {
                "$set": {"state": JobState.PARKED.value, "error": error},
                "$unset": OF_NOBODY,
            },
        )

    def find_by_process(self, process: str) -> list[Job]:
        return [_job(row) for row in self._jobs.find({"process": process})]

    def processes(self) -> list[str]:
        """Return who has jobs. It reads one job of each, however many they have."""
        found: list[str] = []
        while row := self._jobs.find_one(
            {"process": {"$gt": found[-1] if found else ""}},
            {"process": 1},
            sort=[("process", ASCENDING)],
        ):
            found.append(row["process"])
        return found

    def count(self, state: JobState) -> int:
        return self._jobs.count_documents({"state": state.value})

    def remove_for_subject(self, subject: str) -> None:
        """Remove its jobs, but those that run: they have to clean up first."""
        self._jobs.delete_many({"subject": subject} | NOT_RUNNING)

    def remove_for_assistant(self, assistant_id: str) -> None:
        """Remove its jobs, but those that run."""
        self._jobs.delete_many({"assistant_id": assistant_id} | NOT_RUNNING)

    def _claim(self, process: str, query: dict[str, Any]) -> dict[str, Any] | None:
        return self._repairable.find_one_and_update(
            query,
            {
                "$set": {"state": JobState.RUNNING.value, "process": process},
                "$inc": {"attempts": 1},
            },
            sort=IN_TURN,
            return_document=ReturnDocument.AFTER,
        )


def _row(job: Job) -> dict[str, Any]:
    row = fields_of(job)
    row["_id"] = row.pop("id")
    row["state"] = job.state.value
    if job.process is None:
        del row["process"]
    return row


def _job(row: dict[str, Any]) -> Job:
    fields = {"process": None, **row, "state": JobState(row["state"])}
    return Job(id=fields.pop("_id"), **fields)
