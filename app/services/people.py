from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.errors import Forbidden, InvalidInput
from app.models.assistant import Assistant, Member
from app.models.user import User


class Users(Protocol):
    def find_ids(self, user_ids: Sequence[str]) -> set[str]: ...


class PeopleService:
    """Who owns an assistant, and whom the owner lets in."""

    def __init__(self, *, users: Users) -> None:
        self._users = users

    def first_owner(self, caller: User, owner_id: str | None) -> str:
        """Return the owner of an assistant that the caller creates; None: the caller.

        Raises Forbidden for another one, InvalidInput for an unknown one.
        """
        if owner_id is None or owner_id == caller.id:
            return caller.id
        self._check_transfer(caller, owner_id)
        return owner_id

    def members(
        self, given: Sequence[Mapping[str, Any]], *, owner_id: str
    ) -> tuple[Member, ...]:
        """Return members of an assistant of this owner. Raises InvalidInput."""
        members = tuple(Member(**one) for one in given)
        known = self._users.find_ids([member.user_id for member in members])
        wrong: dict[str, str] = {}
        seen = {owner_id}
        for number, member in enumerate(members):
            field = f"members.{number}.user_id"
            if member.user_id in seen:
                own = member.user_id == owner_id
                wrong[field] = "field.owner_member" if own else "field.duplicate"
            elif member.user_id not in known:
                wrong[field] = "field.unknown_user"
            seen.add(member.user_id)
        if wrong:
            raise InvalidInput(fields=wrong)
        return members

    def changes(
        self,
        caller: User,
        assistant: Assistant,
        *,
        owner_id: str,
        members: Sequence[Mapping[str, Any]] | None,
    ) -> dict[str, Any]:
        """Return what changes of an assistant's people, as it is to be stored.

        ``members`` None: as they are. A new owner is no longer among them. Raises
        Forbidden, InvalidInput.
        """
        changes: dict[str, Any] = {}
        present = [
            {"user_id": one.user_id, "role": one.role} for one in assistant.members
        ]
        wanted = present if members is None else [dict(one) for one in members]
        if owner_id != assistant.owner_id:
            self._check_transfer(caller, owner_id)
            changes["owner_id"] = owner_id
            wanted = [one for one in wanted if one["user_id"] != owner_id]
        if _sorted(wanted) != _sorted(present):
            if not (caller.is_admin or caller.id == assistant.owner_id):
                raise Forbidden
            changes["members"] = self.members(wanted, owner_id=owner_id)
        return changes

    def _check_transfer(self, caller: User, owner_id: str) -> None:
        if not caller.is_admin:
            raise Forbidden
        if not self._users.find_ids([owner_id]):
            raise InvalidInput(fields={"owner_id": "field.unknown_user"})


def _sorted(members: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return sorted((one["user_id"], one["role"]) for one in members)
