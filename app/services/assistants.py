from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.errors import AssistantNotFound, Forbidden, InvalidInput
from app.models.assistant import Assistant, History, Retrieval
from app.models.ids import new_id
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService
from app.services.api_keys import ApiKeyService
from app.services.prompts import DEFAULT_FILENAME, PromptService

LATE_ARRIVALS = timedelta(minutes=10)  # longer than any request runs


class Assistants(Protocol):
    def add(self, assistant: Assistant) -> None: ...
    def list_page(
        self, request: PageRequest, *, owner_id: str | None
    ) -> Page[Assistant]: ...
    def update(
        self, assistant_id: str, changes: Mapping[str, Any], *, now: datetime
    ) -> Assistant | None: ...
    def mark_deleted(self, assistant_id: str, *, now: datetime) -> bool: ...
    def marked_deleted(self) -> list[tuple[str, datetime]]: ...
    def remove(self, assistant_id: str) -> None: ...


class Users(Protocol):
    def get(self, user_id: str) -> User | None: ...


class Belongings(Protocol):
    """Something that hangs on an assistant and goes with it."""

    def remove_for_assistant(self, assistant_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedAssistant:
    """An assistant as its owner sees it, with the secret of its main key."""

    assistant: Assistant
    api_key: str | None


class AssistantService:
    """Create, read, change and delete assistants."""

    def __init__(
        self,
        *,
        assistants: Assistants,
        users: Users,
        access: AccessService,
        keys: ApiKeyService,
        prompts: PromptService,
        belongings: tuple[Belongings, ...],
        now: Callable[[], datetime],
    ) -> None:
        self._assistants = assistants
        self._users = users
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
        retrieval, history. Raises Forbidden, InvalidInput for another owner.
        """
        now = self._now()
        assistant = Assistant(
            id=new_id(),
            name=name,
            owner_id=self._owner(caller, owner_id),
            company=fields.get("company"),
            instructions=fields.get("instructions", ""),
            model=fields.get("model"),
            temperature=fields.get("temperature"),
            max_tokens=fields.get("max_tokens"),
            retrieval=Retrieval(**fields.get("retrieval", {})),
            history=History(**fields.get("history", {})),
            created_at=now,
            updated_at=now,
        )
        secret = self._keys.issue(assistant.id)
        self._assistants.add(assistant)
        if assistant.instructions:
            self._prompts.write(assistant, DEFAULT_FILENAME)
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def get(self, caller: User, assistant_id: str) -> KeyedAssistant:
        """Raises AssistantNotFound."""
        assistant = self._access.assistant(caller, assistant_id)
        return self._keyed(assistant)

    def list_page(self, caller: User, request: PageRequest) -> Page[KeyedAssistant]:
        page = self._assistants.list_page(
            request, owner_id=self._access.owner_id(caller)
        )
        keys = self._keys.reveal_all([assistant.id for assistant in page.items])
        keyed = [
            KeyedAssistant(assistant=assistant, api_key=keys.get(assistant.id))
            for assistant in page.items
        ]
        return Page(items=keyed, total=page.total, next=page.next)

    def update(
        self, caller: User, assistant_id: str, changes: Mapping[str, Any]
    ) -> KeyedAssistant:
        """Set the given fields; of ``retrieval`` and ``history`` the given parts.

        Raises AssistantNotFound, Forbidden, InvalidInput, StorageFull.
        """
        assistant = self._access.assistant(caller, assistant_id)
        wanted = dict(changes)
        if "owner_id" in wanted and wanted["owner_id"] != assistant.owner_id:
            wanted["owner_id"] = self._owner(caller, wanted["owner_id"])
        instructions = wanted.pop("instructions", None)
        for part in ("retrieval", "history"):
            for name, value in wanted.pop(part, {}).items():
                wanted[f"{part}.{name}"] = value
        if instructions is not None and instructions != assistant.instructions:
            assistant = self._prompts.set(assistant_id, instructions)
        if wanted:
            changed = self._assistants.update(assistant_id, wanted, now=self._now())
            if changed is None:
                raise AssistantNotFound
            assistant = changed
        return self._keyed(assistant)

    def rotate_key(
        self, caller: User, assistant_id: str, *, grace: timedelta
    ) -> KeyedAssistant:
        """Raises AssistantNotFound."""
        assistant = self._access.assistant(caller, assistant_id)
        secret = self._keys.rotate(assistant.id, grace=grace)
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def delete(self, caller: User, assistant_id: str) -> None:
        """Delete it and all that hangs on it. Raises AssistantNotFound.

        From the first step on it is gone for everybody. What a crash leaves, and
        what was under way and comes in late, ``finish_deletions`` removes.
        """
        assistant = self._access.assistant(caller, assistant_id)
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

    def _keyed(self, assistant: Assistant) -> KeyedAssistant:
        secret = self._keys.reveal(assistant.id)
        return KeyedAssistant(assistant=assistant, api_key=secret)

    def _owner(self, caller: User, owner_id: str | None) -> str:
        if owner_id is None or owner_id == caller.id:
            return caller.id
        if not caller.is_admin:
            raise Forbidden
        if self._users.get(owner_id) is None:
            raise InvalidInput(fields={"owner_id": "field.unknown_user"})
        return owner_id
