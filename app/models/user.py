from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class UserRole(StrEnum):
    ADMIN = "admin"
    MEMBER = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person at the console; a member owns what they create."""

    id: str
    email: str
    name: str
    role: UserRole
    active: bool
    password_hash: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_admin(self) -> bool:
        return self.role is UserRole.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in: its access tokens live while it lives.

    ``refresh_id`` names the only refresh token that is good now.
    """

    id: str
    user_id: str
    refresh_id: str
    created_at: datetime
    expires_at: datetime
