from pydantic import Field, StrictBool

from app.models.user import UserRole
from app.routes.schemas.auth import Email, Name, NewPassword
from app.routes.schemas.common import Input, Instant, Output


class UserCreate(Input):
    name: Name
    email: Email
    password: NewPassword
    role: UserRole = UserRole.MEMBER


class UserUpdate(Input):
    """Any subset."""

    name: Name | None = None
    email: Email | None = None
    password: NewPassword | None = None
    role: UserRole | None = None
    active: StrictBool | None = None


class AccountRead(Output):
    object_id: str = Field(alias="_id")
    email: str
    name: str
    role: UserRole
    active: bool
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class AccountCreated(AccountRead):
    id: str
