from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol

from app.models.usage import UsageRow
from app.models.user import User
from app.services.access import AccessService

GroupBy = Literal["day", "assistant"]


class Usage(Protocol):
    def totals(
        self,
        *,
        group_by: GroupBy,
        owner_id: str | None,
        assistant_ids: Sequence[str] | None,
        first_day: str | None,
        last_day: str | None,
    ) -> list[UsageRow]: ...


class UsageService:
    """What answers used, in tokens."""

    def __init__(self, *, usage: Usage, access: AccessService) -> None:
        self._usage = usage
        self._access = access

    def report(
        self,
        caller: User,
        *,
        group_by: GroupBy,
        first: date | None,
        last: date | None,
        assistant_id: str | None = None,
    ) -> list[UsageRow]:
        """Return the sums per UTC day or per assistant, both days included.

        Assistants that were deleted count as well. Raises AssistantNotFound.
        """
        assistant_ids = None
        if assistant_id is not None:
            assistant_ids = [self._access.assistant(caller, assistant_id).id]
        return self._usage.totals(
            group_by=group_by,
            owner_id=self._access.owner_id(caller),
            assistant_ids=assistant_ids,
            first_day=first.isoformat() if first else None,
            last_day=last.isoformat() if last else None,
        )
