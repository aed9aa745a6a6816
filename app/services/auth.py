import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.errors import (
    EmailTaken,
    InvalidCredentials,
    RegistrationClosed,
    SetupTokenRequired,
    Unauthorized,
)
from app.models.ids import new_id
from app.models.user import Session, User, UserRole
from app.services.login_limits import LoginLimits
from app.services.passwords import PasswordHasher

LONGEST_NAME = 120
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024


class Users(Protocol):
    def any(self) -> bool: ...
    def get(self, user_id: str) -> User | None: ...
    def find_by_email(self, email: str) -> User | None: ...
    def add(self, user: User) -> None: ...
    def add_founder(self, user: User) -> bool: ...
    def update(
        self, user_id: str, changes: Mapping[str, Any], *, now: datetime
    ) -> User | None: ...


class Sessions(Protocol):
    def add(self, session: Session) -> None: ...
    def get(self, session_id: str) -> Session | None: ...
    def rotate(
        self, session_id: str, *, used: str, refresh_id: str, expires_at: datetime
    ) -> bool: ...
    def remove(self, session_id: str) -> None: ...
    def remove_for_user(self, user_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signed in, and what their tokens have to name."""

    user: User
    session_id: str
    refresh_id: str


class AuthService:
    """Accounts, sign-ins and their end.

    Each request is checked against the stored session and user, so an end takes
    effect at once in every process.
    """

    def __init__(
        self,
        *,
        users: Users,
        sessions: Sessions,
        passwords: PasswordHasher,
        limits: LoginLimits,
        setup_token: str,
        trust_loopback: bool,
        registration_open: bool,
        session_life: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._passwords = passwords
        self._limits = limits
        self._setup_token = setup_token
        self._trust_loopback = trust_loopback
        self._registration_open = registration_open
        self._session_life = session_life
        self._now = now

    def has_users(self) -> bool:
        return self._users.any()

    def register(
        self,
        *,
        name: str,
        email: str,
        password: str,
        setup_token: str | None,
        from_this_machine: bool,
    ) -> User:
        """Create an account; the first one is an admin's.

        ``from_this_machine``: the request came directly from a loopback address,
        which may stand for the setup token. Raises RegistrationClosed,
        SetupTokenRequired, EmailTaken, Busy.
        """
        if not self._registration_open:
            raise RegistrationClosed
        if not self._users.any():
            self._check_setup(setup_token, from_this_machine=from_this_machine)
            founder = self._new(name, email, password, UserRole.ADMIN)
            if self._users.add_founder(founder):
                return founder
        elif self._users.find_by_email(email):
            raise EmailTaken
        user = self._new(name, email, password, UserRole.MEMBER)
        self._users.add(user)
        return user

    def create(self, *, name: str, email: str, password: str, role: UserRole) -> User:
        """Create an account that somebody in charge asks for.

        Raises EmailTaken, Busy.
        """
        user = self._new(name, email, password, role)
        if not (role is UserRole.ADMIN and self._users.add_founder(user)):
            self._users.add(user)
        return user

    def login(self, *, email: str, password: str, address: str) -> SignIn:
        """Raises InvalidCredentials, TooManyLoginAttempts, Busy."""
        with self._limits.attempt(email=email, address=address):
            user = self._users.find_by_email(email)
            known = user.password_hash if user else None
            right = self._passwords.check(password, known)
            if not (right and user and user.active):
                raise InvalidCredentials
        return self._sign_in(user)

    def refresh(self, *, user_id: str, session_id: str, refresh_id: str) -> SignIn:
        """Exchange a refresh token; one that was used before ends the sign-in.

        Raises Unauthorized.
        """
        user = self.authenticate(user_id=user_id, session_id=session_id)
        fresh = new_id()
        if not self._sessions.rotate(
            session_id,
            used=refresh_id,
            refresh_id=fresh,
            expires_at=self._now() + self._session_life,
        ):
            self._sessions.remove(session_id)
            raise Unauthorized
        return SignIn(user=user, session_id=session_id, refresh_id=fresh)

    def authenticate(self, *, user_id: str, session_id: str) -> User:
        """Return the user of a living sign-in. Raises Unauthorized."""
        session = self._sessions.get(session_id)
        if (
            session is None
            or session.user_id != user_id
            or session.expires_at <= self._now()
        ):
            raise Unauthorized
        user = self._users.get(user_id)
        if user is None or not user.active:
            raise Unauthorized
        return user

    def logout(self, session_id: str) -> None:
        self._sessions.remove(session_id)

    def rename(self, user: User, *, name: str) -> User:
        """Raises Unauthorized for a user that is gone."""
        changed = self._users.update(user.id, {"name": name}, now=self._now())
        if changed is None:
            raise Unauthorized
        return changed

    def change_password(
        self, user: User, *, current: str, new: str, address: str
    ) -> SignIn:
        """Set a new password, end every sign-in of the user and start one.

        Guesses count as failed logins. Raises InvalidCredentials,
        TooManyLoginAttempts, Busy.
        """
        with self._limits.attempt(email=user.email, address=address):
            if not self._passwords.check(current, user.password_hash):
                raise InvalidCredentials
        self.set_password(user, new)
        return self._sign_in(user)

    def hash_password(self, password: str) -> str:
        """Raises Busy."""
        return self._passwords.hash(password)

    def set_password(self, user: User, password: str) -> None:
        """Set a password and end every sign-in of the user. Raises Busy."""
        hashed = self.hash_password(password)
        self._users.update(user.id, {"password_hash": hashed}, now=self._now())
        self._sessions.remove_for_user(user.id)

    def find_by_email(self, email: str) -> User | None:
        return self._users.find_by_email(email)

    def _check_setup(self, token: str | None, *, from_this_machine: bool) -> None:
        if from_this_machine and self._trust_loopback:
            return
        if token is None or not hmac.compare_digest(
            token.encode(), self._setup_token.encode()
        ):
            raise SetupTokenRequired

    def _new(self, name: str, email: str, password: str, role: UserRole) -> User:
        now = self._now()
        return User(
            id=new_id(),
            email=email,
            name=name,
            role=role,
            active=True,
            password_hash=self._passwords.hash(password),
            created_at=now,
            updated_at=now,
        )

    def _sign_in(self, user: User) -> SignIn:
        now = self._now()
        session = Session(
            id=new_id(),
            user_id=user.id,
            refresh_id=new_id(),
            created_at=now,
            expires_at=now + self._session_life,
        )
        self._sessions.add(session)
        return SignIn(user=user, session_id=session.id, refresh_id=session.refresh_id)
