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

        Of the assistants on which the caller has a role; what was used while they
        were the caller's counts as well, also of those that were deleted since.
        Raises AssistantNotFound.
        """
        owner_id = None if caller.is_admin or assistant_id else caller.id
        return self._usage.totals(
            group_by=group_by,
            owner_id=owner_id,
            assistant_ids=self._access.assistant_ids(caller, assistant_id=assistant_id),
            first_day=first.isoformat() if first else None,
            last_day=last.isoformat() if last else None,
        )
