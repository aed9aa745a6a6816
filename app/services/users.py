from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from app.errors import Forbidden, LastAdmin, UserNotFound
from app.models.page import Page, PageRequest
from app.models.user import User, UserRole
from app.services.auth import AuthService


class Users(Protocol):
    def get(self, user_id: str) -> User | None: ...
    def list_page(self, request: PageRequest) -> Page[User]: ...
    def any_active_admin(self, *, besides: str) -> bool: ...
    def update(
        self,
        user_id: str,
        changes: Mapping[str, Any],
        *,
        now: datetime,
        was: User | None = None,
    ) -> User | None: ...


class Sessions(Protocol):
    def remove_for_user(self, user_id: str) -> None: ...


class UserService:
    """Accounts, as administrators keep them; everybody else is Forbidden."""

    def __init__(
        self,
        *,
        users: Users,
        sessions: Sessions,
        auth: AuthService,
        now: Callable[[], datetime],
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._auth = auth
        self._now = now

    def list_page(self, caller: User, request: PageRequest) -> Page[User]:
        """Raises Forbidden."""
        _check_admin(caller)
        return self._users.list_page(request)

    def get(self, caller: User, user_id: str) -> User:
        """Raises Forbidden, UserNotFound."""
        _check_admin(caller)
        found = self._users.get(user_id)
        if found is None:
            raise UserNotFound
        return found

    def create(
        self, caller: User, *, name: str, email: str, password: str, role: UserRole
    ) -> User:
        """Raises Forbidden, EmailTaken, Busy."""
        _check_admin(caller)
        return self._auth.create(name=name, email=email, password=password, role=role)

    def update(self, caller: User, user_id: str, changes: Mapping[str, Any]) -> User:
        """Set any of name, email, password, role and active.

        A new password, another role and disabling end the user's sign-ins. Raises
        Forbidden, UserNotFound, EmailTaken, LastAdmin, Busy.
        """
        _check_admin(caller)
        fields = {name: value for name, value in changes.items() if name != "password"}
        if "password" in changes:
            fields["password_hash"] = self._auth.hash_password(changes["password"])
        while user := self._users.get(user_id):
            changed = self._save(user, fields)
            if changed is None:
                continue
            access = (changed.role, changed.active)
            if "password" in changes or access != (user.role, user.active):
                self._sessions.remove_for_user(user.id)
            return changed
        raise UserNotFound

    def _save(self, user: User, fields: Mapping[str, Any]) -> User | None:
        """Set the fields; None when role or activity have changed meanwhile.

        Looks for another administrator before, and again after: two who go at the
        same instant then find nobody left, and both stay.
        """
        goes = (
            user.is_admin
            and user.active
            and (fields.get("role", user.role), fields.get("active", True))
            != (UserRole.ADMIN, True)
        )
        if goes and not self._users.any_active_admin(besides=user.id):
            raise LastAdmin
        changed = self._users.update(user.id, fields, now=self._now(), was=user)
        if changed and goes and not self._users.any_active_admin(besides=user.id):
            self._undo(user, fields)
            raise LastAdmin
        return changed

    def _undo(self, user: User, fields: Mapping[str, Any]) -> None:
        """Give the role back first: the e-mail may be taken by now."""
        present = {"role": user.role, "active": user.active}
        self._users.update(user.id, present, now=user.updated_at)
        others = {name: getattr(user, name) for name in fields if name not in present}
        if others:
            self._users.update(user.id, others, now=user.updated_at)


def _check_admin(caller: User) -> None:
    if not caller.is_admin:
        raise Forbidden
