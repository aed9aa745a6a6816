"""In-memory repositories of the console; they run the repositories' contract tests."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from app.errors import EmailTaken, InvalidInput
from app.models.api_key import ApiKey
from app.models.assistant import Assistant
from app.models.document import (
    Document,
)
from app.models.login import FailedLogin
from app.models.page import Page, PageRequest
from app.models.user import User

T = TypeVar("T", ApiKey, Assistant, Document, User)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeUsers:
    def __init__(self, *users: User) -> None:
        self._lock = threading.Lock()
        self._users = {user.id: user for user in users}

    def any(self) -> bool:
        return bool(self._users)

    def get(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def find_by_email(self, email: str) -> User | None:
        key = email.casefold()
        found = (u for u in self._users.values() if u.email.casefold() == key)
        return next(found, None)

    def add(self, user: User) -> None:
        with self._lock:
            if self.find_by_email(user.email):
                raise EmailTaken
            self._users[user.id] = user

    def add_founder(self, user: User) -> bool:
        with self._lock:
            if self._users:
                return False
            self._users[user.id] = user
            return True

    def find_ids(self, user_ids: Sequence[str]) -> set[str]:
        return {name for name in user_ids if name in self._users}

    def list_page(self, request: PageRequest) -> Page[User]:
        return page_of(list(self._users.values()), request)

    def any_active_admin(self, *, besides: str) -> bool:
        others = [u for u in list(self._users.values()) if u.id != besides]
        return any(u.is_admin and u.active for u in others)

    def update(
        self,
        user_id: str,
        changes: Mapping[str, Any],
        *,
        now: datetime,
        was: User | None = None,
    ) -> User | None:
        with self._lock:
            user = self._users.get(user_id)
            if user is None:
                return None
            if was and (user.role, user.active) != (was.role, was.active):
                return None
            namesake = self.find_by_email(changes.get("email", user.email))
            if namesake and namesake.id != user_id:
                raise EmailTaken
            self._users[user_id] = replace(user, **changes, updated_at=now)
            return self._users[user_id]


class FakeLoginAttempts:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: dict[str, list[FailedLogin]] = {}

    def add(
        self,
        subject: str,
        attempt: FailedLogin,
        *,
        expires_at: datetime,  # noqa: ARG002
    ) -> list[FailedLogin]:
        with self._lock:
            latest = [*self._attempts.get(subject, ()), attempt][-50:]
            self._attempts[subject] = latest
            return list(latest)

    def take_back(self, subject: str, attempt_id: str) -> None:
        with self._lock:
            found = self._attempts.get(subject, [])
            self._attempts[subject] = [row for row in found if row.id != attempt_id]

    def forget(self, subject: str) -> None:
        self._attempts.pop(subject, None)


class FakeApiKeys:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        self._keys[key.id] = key

    def find_by_digests(self, digests: Sequence[str]) -> ApiKey | None:
        for name in ("digest", "previous_digest"):
            for key in self._keys.values():
                if getattr(key, name) in digests:
                    return key
        return None

    def find_main(self, assistant_id: str) -> ApiKey | None:
        return self.find_main_for([assistant_id]).get(assistant_id)

    def find_main_for(self, assistant_ids: Sequence[str]) -> dict[str, ApiKey]:
        found = [key for key in list(self._keys.values()) if key.main]
        return {k.assistant_id: k for k in found if k.assistant_id in assistant_ids}

    def find_further(self, assistant_id: str, key_id: str) -> ApiKey | None:
        found = (key for key in self._further(assistant_id) if key.id == key_id)
        return next(found, None)

    def list_further(self, assistant_id: str, request: PageRequest) -> Page[ApiKey]:
        return page_of(self._further(assistant_id), request)

    def count_further(self, assistant_id: str) -> int:
        return len(self._further(assistant_id))

    def replace(self, old: ApiKey, new: ApiKey) -> bool:
        with self._lock:
            present = self._keys.get(old.id)
            if present is None or present.digest != old.digest:
                return False
            self._keys[old.id] = new
            return True

    def remove_further(self, assistant_id: str, key_id: str) -> bool:
        with self._lock:
            found = self.find_further(assistant_id, key_id)
            return found is not None and bool(self._keys.pop(key_id))

    def remove_for_assistant(self, assistant_id: str) -> None:
        for key in list(self._keys.values()):
            if key.assistant_id == assistant_id:
                del self._keys[key.id]

    def _further(self, assistant_id: str) -> list[ApiKey]:
        return [
            key
            for key in list(self._keys.values())
            if key.assistant_id == assistant_id and not key.main
        ]


@dataclass(slots=True)
class _Row:
    assistant: Assistant
    deleted: datetime | None = None
    pending: str | None = None


class FakeAssistants:
    def __init__(self, *assistants: Assistant) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {a.id: _Row(a) for a in assistants}

    def add(self, assistant: Assistant) -> None:
        pending = "prompt.txt" if assistant.instructions else None
        self._rows[assistant.id] = _Row(assistant, pending=pending)

    def get(self, assistant_id: str, *, user_id: str | None = None) -> Assistant | None:
        row = self._rows.get(assistant_id)
        if row is None or row.deleted:
            return None
        people = {row.assistant.owner_id, *_members(row.assistant)}
        return row.assistant if user_id is None or user_id in people else None

    def get_recent(self, assistant_id: str) -> Assistant | None:
        return self.get(assistant_id)

    def list_page(
        self, request: PageRequest, *, assistant_ids: Sequence[str] | None
    ) -> Page[Assistant]:
        names = list(self._rows) if assistant_ids is None else assistant_ids
        found = [self.get(name) for name in names]
        return page_of([a for a in found if a], request)

    def ids_for_owner(self, owner_id: str) -> list[str]:
        return [a.id for a in self._living() if a.owner_id == owner_id]

    def ids_for_member(self, user_id: str) -> list[str]:
        return [a.id for a in self._living() if user_id in _members(a)]

    def return_minutes(self) -> dict[str, int]:
        found = {a.id: a.takeover.return_after_minutes for a in self._living()}
        return {name: minutes for name, minutes in found.items() if minutes}

    def update(
        self, assistant_id: str, changes: Mapping[str, Any], *, now: datetime
    ) -> Assistant | None:
        with self._lock:
            if self.get(assistant_id) is None:
                return None
            row = self._rows[assistant_id]
            changed = replace(row.assistant, updated_at=now)
            for name, value in changes.items():
                part, dot, inner = name.partition(".")
                if dot:
                    whole = replace(getattr(changed, part), **{inner: value})
                    changed = replace(changed, **{part: whole})
                else:
                    changed = replace(changed, **{name: value})
            row.assistant = changed
            return changed

    def set_instructions(
        self, assistant_id: str, text: str, *, filename: str, now: datetime
    ) -> Assistant | None:
        changed = self.update(assistant_id, {"instructions": text}, now=now)
        if changed:
            self._rows[assistant_id].pending = filename
        return changed

    def prompt_written(self, assistant_id: str, *, filename: str, text: str) -> None:
        row = self._rows.get(assistant_id)
        if row and (row.pending, row.assistant.instructions) == (filename, text):
            row.pending = None

    def with_prompt_pending(self) -> list[tuple[Assistant, str]]:
        return [
            (row.assistant, row.pending)
            for row in list(self._rows.values())
            if row.pending is not None and not row.deleted
        ]

    def knowledge_changed(self, assistant_id: str) -> None:
        with self._lock:
            if row := self._rows.get(assistant_id):
                version = row.assistant.knowledge_version + 1
                row.assistant = replace(row.assistant, knowledge_version=version)

    def mark_deleted(
        self,
        assistant_id: str,
        *,
        now: datetime,
    ) -> bool:
        with self._lock:
            if self.get(assistant_id) is None:
                return False
            self._rows[assistant_id].deleted = now
            return True

    def marked_deleted(self) -> list[tuple[str, datetime]]:
        rows = list(self._rows.items())
        return [(name, row.deleted) for name, row in rows if row.deleted]

    def remove(self, assistant_id: str) -> None:
        self._rows.pop(assistant_id, None)

    def _living(self) -> list[Assistant]:
        return [row.assistant for row in list(self._rows.values()) if not row.deleted]


def _members(assistant: Assistant) -> set[str]:
    return {member.user_id for member in assistant.members}


def page_of(items: Iterable[T], request: PageRequest) -> Page[T]:
    ordered = sorted(items, key=_place, reverse=True)
    start = 0
    if request.after:
        try:
            moment, last_id = request.after.split(":", 1)
            after = (int(moment), last_id)
        except ValueError as exc:
            raise InvalidInput(fields={"after": "field.cursor"}) from exc
        start = sum(_place(item) >= after for item in ordered)
    shown = ordered[start : start + request.limit]
    more = len(ordered) > start + request.limit
    cursor = "{}:{}".format(*_place(shown[-1])) if more else None
    return Page(items=shown, total=len(ordered), next=cursor)


def _place(item: ApiKey | Assistant | Document | User) -> tuple[int, str]:
    return (item.created_at - EPOCH) // timedelta(milliseconds=1), item.id
