from datetime import datetime
from typing import Any, cast

from pymongo import ASCENDING, ReturnDocument

from app.models.login import FailedLogin
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated

KEPT = 50


@store_errors_translated
class LoginAttemptRepository:
    """The latest failed logins of each account and of each address."""

    def __init__(self, db: AnyDatabase) -> None:
        self._attempts = db["login_attempts"]

    def ensure_indexes(self) -> None:
        self._attempts.create_index([("expires_at", ASCENDING)], expireAfterSeconds=0)

    def add(
        self, subject: str, attempt: FailedLogin, *, expires_at: datetime
    ) -> list[FailedLogin]:
        """Note an attempt and return the latest ones of ``subject``, it included."""
        found = self._attempts.find_one_and_update(
            {"_id": subject},
            {
                "$push": {
                    "attempts": {
                        "$each": [
                            {
                                "id": attempt.id,
                                "account": attempt.account,
                                "at": attempt.at,
                            }
                        ],
                        "$slice": -KEPT,
                    }
                },
                "$set": {"expires_at": expires_at},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return [
            FailedLogin(id=row["id"], account=row["account"], at=row["at"])
            for row in cast("dict[str, Any]", found)["attempts"]
        ]

    def take_back(self, subject: str, attempt_id: str) -> None:
        self._attempts.update_one(
            {"_id": subject}, {"$pull": {"attempts": {"id": attempt_id}}}
        )

    def forget(self, subject: str) -> None:
        self._attempts.delete_one({"_id": subject})
