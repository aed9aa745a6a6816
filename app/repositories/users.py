from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from app.errors import EmailTaken
from app.models.page import Page, PageRequest
from app.models.user import User, UserRole
from app.repositories.database import AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.paging import find_page


@store_errors_translated
class UserRepository:
    """People who sign in; e-mails are unique whatever their case."""

    def __init__(self, db: AnyDatabase) -> None:
        self._users = db["users"]

    def ensure_indexes(self) -> None:
        self._users.create_index([("email_key", ASCENDING)], unique=True)
        self._users.create_index([("founder", ASCENDING)], unique=True, sparse=True)
        self._users.create_index([("role", ASCENDING), ("active", ASCENDING)])
        self._users.create_index([("created_at", DESCENDING), ("_id", DESCENDING)])

    def any(self) -> bool:
        return self._users.find_one({}) is not None

    def get(self, user_id: str) -> User | None:
        found = self._users.find_one({"_id": user_id})
        return _from_mongo(found) if found else None

    def find_by_email(self, email: str) -> User | None:
        found = self._users.find_one({"email_key": email.casefold()})
        return _from_mongo(found) if found else None

    def find_ids(self, user_ids: Sequence[str]) -> set[str]:
        """Return which of these users there are."""
        found = self._users.find({"_id": {"$in": list(user_ids)}}, {"_id": 1})
        return {row["_id"] for row in found}

    def list_page(self, request: PageRequest) -> Page[User]:
        return find_page(self._users, {}, request, by="created_at", build=_from_mongo)

    def any_active_admin(self, *, besides: str) -> bool:
        query = {"role": UserRole.ADMIN.value, "active": True, "_id": {"$ne": besides}}
        return self._users.find_one(query, {"_id": 1}) is not None

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

    def update(
        self,
        user_id: str,
        changes: Mapping[str, Any],
        *,
        now: datetime,
        was: User | None = None,
    ) -> User | None:
        """Set the given fields; None when there is no such user.

        ``was``: only while role and activity are as they were then. Raises EmailTaken.
        """
        query: dict[str, Any] = {"_id": user_id}
        if was is not None:
            query |= {"role": was.role.value, "active": was.active}
        fields = {**changes, "updated_at": now}
        if "email" in fields:
            fields["email_key"] = fields["email"].casefold()
        if "role" in fields:
            fields["role"] = fields["role"].value
        try:
            row = self._users.find_one_and_update(
                query,
                {"$set": fields},
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError as exc:
            raise EmailTaken from exc
        return _from_mongo(row) if row else None


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


def _from_mongo(found: dict[str, Any]) -> User:
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
