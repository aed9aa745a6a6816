from collections.abc import Sequence

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from app.models.outbox import HandedOut
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class OutboxRepository:
    """What each key was handed out of its outbox; lost, it is handed out again."""

    def __init__(self, db: AnyDatabase) -> None:
        self._outboxes = db["outboxes"].with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._outboxes.create_index([("assistant_id", ASCENDING)])

    def get(self, key_id: str) -> HandedOut:
        found = self._outboxes.find_one({"_id": key_id})
        if found is None:
            return HandedOut()
        return HandedOut(version=found["version"], message_ids=tuple(found["handed"]))

    def save(
        self,
        key_id: str,
        assistant_id: str,
        before: HandedOut,
        message_ids: Sequence[str],
    ) -> bool:
        """Note what is handed out now; False when ``before`` is not so any more."""
        row = {
            "_id": key_id,
            "assistant_id": assistant_id,
            "version": before.version + 1,
            "handed": list(message_ids),
        }
        if before.version:
            query = {"_id": key_id, "version": before.version}
            return self._outboxes.replace_one(query, row).matched_count == 1
        try:
            self._outboxes.insert_one(row)
        except DuplicateKeyError:
            return False
        return True

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._outboxes.delete_many({"assistant_id": assistant_id})
