from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.errors import AssistantNotFound, InvalidInput
from app.models.api_key import ApiKey, KeyScope
from app.models.assistant import (
    Assistant,
    AssistantRole,
    History,
    Retrieval,
    Takeover,
)
from app.models.ids import new_id
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService, IssuedKey
from app.services.people import PeopleService
from app.services.prompts import DEFAULT_FILENAME, PromptService

LATE_ARRIVALS = timedelta(minutes=10)  # longer than any request runs
PARTS = ("retrieval", "history", "takeover")


class Assistants(Protocol):
    def add(self, assistant: Assistant) -> None: ...
    def list_page(
        self, request: PageRequest, *, assistant_ids: Sequence[str] | None
    ) -> Page[Assistant]: ...
    def update(
        self, assistant_id: str, changes: Mapping[str, Any], *, now: datetime
    ) -> Assistant | None: ...
    def mark_deleted(self, assistant_id: str, *, now: datetime) -> bool: ...
    def marked_deleted(self) -> list[tuple[str, datetime]]: ...
    def remove(self, assistant_id: str) -> None: ...


class Belongings(Protocol):
    """Something that hangs on an assistant and goes with it."""

    def remove_for_assistant(self, assistant_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedAssistant:
    """An assistant with the secret of its main key.

    ``api_key`` None: not for those who may not change the assistant, or no
    SECRET_KEY of ours opens it.
    """

    assistant: Assistant
    api_key: str | None


class AssistantService:
    """Create, read, change and delete assistants."""

    def __init__(
        self,
        *,
        assistants: Assistants,
        access: AccessService,
        people: PeopleService,
        keys: ApiKeyService,
        prompts: PromptService,
        belongings: tuple[Belongings, ...],
        now: Callable[[], datetime],
    ) -> None:
        self._assistants = assistants
        self._people = people
        self._access = access
        self._keys = keys
        self._prompts = prompts
        self._belongings = belongings
        self._now = now

    def create(
        self, caller: User, *, name: str, owner_id: str | None = None, **fields: Any
    ) -> KeyedAssistant:
        """Create an assistant with its key.

        ``fields``: company, instructions, model, temperature, max_tokens,
        retrieval, history, members, takeover. Raises Forbidden for another owner,
        InvalidInput for one that is unknown, and for such members.
        """
        now = self._now()
        owner = self._people.first_owner(caller, owner_id)
        members = self._people.members(fields.get("members", ()), owner_id=owner)
        assistant = Assistant(
            id=new_id(),
            name=name,
            owner_id=owner,
            company=fields.get("company"),
            instructions=fields.get("instructions", ""),
            model=fields.get("model"),
            temperature=fields.get("temperature"),
            max_tokens=fields.get("max_tokens"),
            retrieval=Retrieval(**fields.get("retrieval", {})),
            history=History(**fields.get("history", {})),
            members=members,
            takeover=Takeover(**fields.get("takeover", {})),
            created_at=now,
            updated_at=now,
        )
        secret = self._keys.issue(assistant.id)
        self._assistants.add(assistant)
        if assistant.instructions:
            self._prompts.write(assistant, DEFAULT_FILENAME)
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def get(
        self,
        caller: User,
        assistant_id: str,
        *,
        role: AssistantRole = AssistantRole.VIEWER,
    ) -> KeyedAssistant:
        """Raises AssistantNotFound, Forbidden for a role below ``role``."""
        assistant = self._access.assistant(caller, assistant_id, role=role)
        return self._keyed(caller, assistant)

    def list_page(self, caller: User, request: PageRequest) -> Page[KeyedAssistant]:
        page = self._assistants.list_page(
            request, assistant_ids=self._access.assistant_ids(caller)
        )
        keys = self._keys.reveal_all(
            [one.id for one in page.items if self._may_see_key(caller, one)]
        )
        keyed = [
            KeyedAssistant(assistant=assistant, api_key=keys.get(assistant.id))
            for assistant in page.items
        ]
        return Page(items=keyed, total=page.total, next=page.next)

    def update(
        self, caller: User, assistant_id: str, changes: Mapping[str, Any]
    ) -> KeyedAssistant:
        """Set the given fields; of an object in PARTS the given parts.

        A new owner is no longer among the members. Raises AssistantNotFound,
        Forbidden, InvalidInput, StorageFull.
        """
        assistant = self._access.assistant(
            caller, assistant_id, role=AssistantRole.EDITOR
        )
        wanted = dict(changes)
        wanted |= self._people.changes(
            caller,
            assistant,
            owner_id=wanted.pop("owner_id", assistant.owner_id),
            members=wanted.pop("members", None),
        )
        instructions = wanted.pop("instructions", None)
        for part in PARTS:
            for name, value in wanted.pop(part, {}).items():
                wanted[f"{part}.{name}"] = value
        if instructions is not None and instructions != assistant.instructions:
            assistant = self._prompts.set(assistant_id, instructions)
        if wanted:
            changed = self._assistants.update(assistant_id, wanted, now=self._now())
            if changed is None:
                raise AssistantNotFound
            assistant = changed
        return self._keyed(caller, assistant)

    def rotate_key(
        self, caller: User, assistant_id: str, *, grace: timedelta
    ) -> KeyedAssistant:
        """Raises AssistantNotFound, Forbidden."""
        assistant = self._access.assistant(
            caller, assistant_id, role=AssistantRole.OWNER
        )
        secret = self._keys.rotate(assistant.id, grace=grace)
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def issue_key(
        self,
        caller: User,
        assistant_id: str,
        *,
        name: str,
        scopes: tuple[KeyScope, ...],
        expires_at: datetime | None,
    ) -> IssuedKey:
        """Make a further key.

        Raises AssistantNotFound, Forbidden, InvalidInput for an expiry that is not
        in the future, TooManyKeys.
        """
        self._access.check(caller, assistant_id, role=AssistantRole.OWNER)
        if expires_at is not None and expires_at <= self._now():
            raise InvalidInput(fields={"expires_at": "field.not_future"})
        return self._keys.issue_further(
            assistant_id, name=name, scopes=scopes, expires_at=expires_at
        )

    def list_keys(
        self, caller: User, assistant_id: str, request: PageRequest
    ) -> Page[ApiKey]:
        """Return the further keys. Raises AssistantNotFound, Forbidden."""
        self._access.check(caller, assistant_id, role=AssistantRole.OWNER)
        return self._keys.list_further(assistant_id, request)

    def get_key(self, caller: User, assistant_id: str, key_id: str) -> ApiKey:
        """Return a further key. Raises AssistantNotFound, Forbidden, KeyNotFound."""
        self._access.check(caller, assistant_id, role=AssistantRole.OWNER)
        return self._keys.get_further(assistant_id, key_id)

    def revoke_key(self, caller: User, assistant_id: str, key_id: str) -> None:
        """Remove a further key. Raises AssistantNotFound, Forbidden, KeyNotFound."""
        self._access.check(caller, assistant_id, role=AssistantRole.OWNER)
        self._keys.revoke(assistant_id, key_id)

    def delete(self, caller: User, assistant_id: str) -> None:
        """Delete it and all that hangs on it. Raises AssistantNotFound, Forbidden.

        From the first step on it is gone for everybody. What a crash leaves, and
        what was under way and comes in late, ``finish_deletions`` removes.
        """
        assistant = self._access.assistant(
            caller, assistant_id, role=AssistantRole.OWNER
        )
        if not self._assistants.mark_deleted(assistant.id, now=self._now()):
            raise AssistantNotFound
        self._remove_belongings(assistant.id)

    def finish_deletions(self) -> None:
        settled = self._now() - LATE_ARRIVALS
        for assistant_id, since in self._assistants.marked_deleted():
            self._remove_belongings(assistant_id)
            if since < settled:
                self._assistants.remove(assistant_id)

    def _remove_belongings(self, assistant_id: str) -> None:
        for belongings in self._belongings:
            belongings.remove_for_assistant(assistant_id)

    def _keyed(self, caller: User, assistant: Assistant) -> KeyedAssistant:
        shown = self._may_see_key(caller, assistant)
        secret = self._keys.reveal(assistant.id) if shown else None
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def _may_see_key(self, caller: User, assistant: Assistant) -> bool:
        role = self._access.role(caller, assistant)
        return role is not None and role >= AssistantRole.EDITOR
