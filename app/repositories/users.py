from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from app.errors import EmailTaken
from app.models.user import User, UserRole
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class UserRepository:
    """People who sign in; e-mails are unique whatever their case."""

    def __init__(self, db: AnyDatabase) -> None:
        self._users = db["users"]

    def ensure_indexes(self) -> None:
        self._users.create_index([("email_key", ASCENDING)], unique=True)
        self._users.create_index([("founder", ASCENDING)], unique=True, sparse=True)

    def any(self) -> bool:
        return self._users.find_one({}) is not None

    def get(self, user_id: str) -> User | None:
        return _from_mongo(self._users.find_one({"_id": user_id}))

    def find_by_email(self, email: str) -> User | None:
        return _from_mongo(self._users.find_one({"email_key": email.casefold()}))

    def add(self, user: User) -> None:
        """Raises EmailTaken."""
        try:
            self._users.insert_one(_to_mongo(user))
        except DuplicateKeyError as exc:
            raise EmailTaken from exc

    def add_founder(self, user: User) -> bool:
        """Add the very first user; False when somebody else is it.

        The unique mark decides between two that register at the same instant.
        """
        if self.any():
            return False
        try:
            self._users.insert_one(_to_mongo(user) | {"founder": True})
        except DuplicateKeyError:
            return False
        return True

    def save_name(self, user_id: str, *, name: str, now: datetime) -> None:
        self._users.update_one(
            {"_id": user_id}, {"$set": {"name": name, "updated_at": now}}
        )

    def save_password(self, user_id: str, *, password_hash: str, now: datetime) -> None:
        self._users.update_one(
            {"_id": user_id},
            {"$set": {"password_hash": password_hash, "updated_at": now}},
        )


def _to_mongo(user: User) -> dict[str, Any]:
    return {
        "_id": user.id,
        "email": user.email,
        "email_key": user.email.casefold(),
        "name": user.name,
        "role": user.role.value,
        "active": user.active,
        "password_hash": user.password_hash,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def _from_mongo(found: dict[str, Any] | None) -> User | None:
    if found is None:
        return None
    return User(
        id=found["_id"],
        email=found["email"],
        name=found["name"],
        role=UserRole(found["role"]),
        active=found["active"],
        password_hash=found["password_hash"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )
