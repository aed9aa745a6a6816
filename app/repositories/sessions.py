from datetime import datetime

from pymongo import ASCENDING

from app.models.user import Session
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class SessionRepository:
    """Sign-ins; one that is not here has ended."""

    def __init__(self, db: AnyDatabase) -> None:
        self._sessions = db["sessions"]

    def ensure_indexes(self) -> None:
        self._sessions.create_index([("user_id", ASCENDING)])
        self._sessions.create_index([("expires_at", ASCENDING)], expireAfterSeconds=0)

    def add(self, session: Session) -> None:
        self._sessions.insert_one(
            {
                "_id": session.id,
                "user_id": session.user_id,
                "refresh_id": session.refresh_id,
                "created_at": session.created_at,
                "expires_at": session.expires_at,
            }
        )

    def get(self, session_id: str) -> Session | None:
        found = self._sessions.find_one({"_id": session_id})
        if found is None:
            return None
        return Session(
            id=found["_id"],
            user_id=found["user_id"],
            refresh_id=found["refresh_id"],
            created_at=found["created_at"],
            expires_at=found["expires_at"],
        )

    def rotate(
        self, session_id: str, *, used: str, refresh_id: str, expires_at: datetime
    ) -> bool:
        """Exchange the refresh id ``used`` for a new one; False if it is not good."""
        result = self._sessions.update_one(
            {"_id": session_id, "refresh_id": used},
            {"$set": {"refresh_id": refresh_id, "expires_at": expires_at}},
        )
        return result.modified_count == 1

    def remove(self, session_id: str) -> None:
        self._sessions.delete_one({"_id": session_id})

    def remove_for_user(self, user_id: str) -> None:
        self._sessions.delete_many({"user_id": user_id})
