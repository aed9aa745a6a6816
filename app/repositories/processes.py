from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class ProcessRepository:
    """The heartbeats of the server processes on this store.

    A heartbeat is a count, not a time: who watches measures with their own clock.
    """

    def __init__(self, db: AnyDatabase) -> None:
        self._processes = db["processes"].with_options(write_concern=REPAIRABLE)

    def beat(self, process: str) -> None:
        self._processes.update_one({"_id": process}, {"$inc": {"beat": 1}}, upsert=True)

    def beats(self) -> dict[str, int]:
        return {row["_id"]: row["beat"] for row in self._processes.find({})}

    def remove(self, process: str) -> None:
        self._processes.delete_one({"_id": process})
