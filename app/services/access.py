from typing import Protocol

from app.errors import AssistantNotFound, Forbidden
from app.models.api_key import ApiKey, KeyScope
from app.models.assistant import Assistant, AssistantRole
from app.models.caller import Caller

KEY_ROLES = {
    KeyScope.READ: AssistantRole.VIEWER,
    KeyScope.DOCUMENTS: AssistantRole.EDITOR,
}


class Assistants(Protocol):
    def get(
        self, assistant_id: str, *, user_id: str | None = None
    ) -> Assistant | None: ...
    def ids_for_owner(self, owner_id: str) -> list[str]: ...
    def ids_for_member(self, user_id: str) -> list[str]: ...


class AccessService:
    """Who may do what with an assistant, and with all that hangs on it.

    A key acts on its own assistant alone, and only where its scope is the one
    asked for: as viewer with ``read``, as editor with ``documents``.
    """

    def __init__(self, *, assistants: Assistants) -> None:
        self._assistants = assistants

    def assistant(
        self,
        caller: Caller,
        assistant_id: str,
        *,
        role: AssistantRole = AssistantRole.VIEWER,
        scope: KeyScope = KeyScope.READ,
    ) -> Assistant:
        """Return an assistant on which the caller has ``role`` or a higher one.

        Raises AssistantNotFound, also where the caller has no role at all, and
        Forbidden.
        """
        found = self._assistants.get(assistant_id, user_id=_limited_to(caller))
        own = self.role(caller, found, scope=scope) if found else None
        if found is None or own is None:
            raise AssistantNotFound
        if own < role:
            raise Forbidden
        return found

    def check(
        self,
        caller: Caller,
        assistant_id: str,
        *,
        role: AssistantRole,
        scope: KeyScope = KeyScope.READ,
    ) -> None:
        """Raises AssistantNotFound, Forbidden."""
        self.assistant(caller, assistant_id, role=role, scope=scope)

    def role(
        self,
        caller: Caller,
        assistant: Assistant,
        *,
        scope: KeyScope = KeyScope.READ,
    ) -> AssistantRole | None:
        if isinstance(caller, ApiKey):
            opens = caller.assistant_id == assistant.id and scope in caller.scopes
            return KEY_ROLES.get(scope) if opens else None
        if caller.is_admin:
            return AssistantRole.ADMIN
        if assistant.owner_id == caller.id:
            return AssistantRole.OWNER
        roles = {member.user_id: member.role for member in assistant.members}
        return roles.get(caller.id)

    def assistant_ids(
        self,
        caller: Caller,
        *,
        assistant_id: str | None = None,
        scope: KeyScope = KeyScope.READ,
    ) -> list[str] | None:
        """Return the assistants whose things a list may show; None: all.

        ``assistant_id`` narrows it to one. Raises AssistantNotFound.
        """
        if assistant_id is not None:
            return [self.assistant(caller, assistant_id, scope=scope).id]
        if isinstance(caller, ApiKey):
            return [caller.assistant_id] if scope in caller.scopes else []
        if caller.is_admin:
            return None
        owned = self._assistants.ids_for_owner(caller.id)
        joined = self._assistants.ids_for_member(caller.id)
        return list(dict.fromkeys([*owned, *joined]))


def _limited_to(caller: Caller) -> str | None:
    """Return whose assistants a look-up is limited to; None: anybody's."""
    if isinstance(caller, ApiKey) or caller.is_admin:
        return None
    return caller.id
