from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field
from pydantic_core import PydanticCustomError

from app.models.common_passwords import COMMON_PASSWORDS
from app.models.user import UserRole
from app.routes.schemas.common import FilledText, Input, Output, Text
from app.services.auth import LONGEST_NAME, LONGEST_PASSWORD, SHORTEST_PASSWORD


def _uncommon(password: str) -> str:
    if password.lower() in COMMON_PASSWORDS:
        raise PydanticCustomError(
            "common_password", "is a password that is guessed first"
        )
    return password


Name = Annotated[FilledText, Field(min_length=1, max_length=LONGEST_NAME)]
NewPassword = Annotated[
    Text,
    Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD),
    AfterValidator(_uncommon),
]
Password = Annotated[Text, Field(max_length=LONGEST_PASSWORD)]
Email = Annotated[EmailStr, Field(max_length=254)]


class Registration(Input):
    name: Name
    email: Email
    password: NewPassword
    setup_token: Text | None = Field(None, max_length=200)


class Login(Input):
    email: Text = Field(max_length=254)
    password: Password


class ProfileUpdate(Input):
    name: Name


class PasswordChange(Input):
    current_password: Password
    new_password: NewPassword


class UserRead(Output):
    id: str
    email: str
    name: str
    role: UserRole


class RegistrationRead(Output):
    message: str
    user: UserRead


class SignInRead(Output):
    token: str
    refresh_token: str
    expires_in: int
    user: UserRead


class PasswordChangeRead(SignInRead):
    message: str


class MessageOnly(Output):
    message: str
