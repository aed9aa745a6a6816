from typing import Protocol

from app.errors import AssistantNotFound
from app.models.assistant import Assistant
from app.models.user import User


class Assistants(Protocol):
    def get(
        self, assistant_id: str, *, owner_id: str | None = None
    ) -> Assistant | None: ...
    def ids_for_owner(self, owner_id: str) -> list[str]: ...


class AccessService:
    """What a caller may see: an admin everything, the others what is theirs."""

    def __init__(self, *, assistants: Assistants) -> None:
        self._assistants = assistants

    def assistant(self, caller: User, assistant_id: str) -> Assistant:
        """Raises AssistantNotFound, also for somebody else's."""
        found = self._assistants.get(assistant_id, owner_id=self.owner_id(caller))
        if found is None:
            raise AssistantNotFound
        return found

    def assistant_ids(
        self, caller: User, *, assistant_id: str | None = None
    ) -> list[str] | None:
        """Return the assistants whose things a list may show; None: all.

        ``assistant_id`` narrows it to one. Raises AssistantNotFound.
        """
        if assistant_id is not None:
            return [self.assistant(caller, assistant_id).id]
        if caller.is_admin:
            return None
        return self._assistants.ids_for_owner(caller.id)

    def owner_id(self, caller: User) -> str | None:
        """Return whose assistants a query is limited to; None: anybody's."""
        return None if caller.is_admin else caller.id
