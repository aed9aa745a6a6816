from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from app.errors import AssistantNotFound
from app.models.assistant import AssistantRole, Member
from app.models.usage import UsageRow
from app.models.user import UserRole
from app.services.access import AccessService
from app.services.usage import UsageService
from tests.support.fake_console import FakeAssistants
from tests.support.made import assistant, user


class Ledger:
    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def totals(
        self,
        *,
        group_by: str,
        owner_id: str | None,
        assistant_ids: Sequence[str] | None,
        first_day: str | None,
        last_day: str | None,
    ) -> list[UsageRow]:
        self.asked = {
            "group_by": group_by,
            "owner_id": owner_id,
            "assistant_ids": assistant_ids,
            "first_day": first_day,
            "last_day": last_day,
        }
        return [UsageRow(group="g", turns=1, tokens_in=2, tokens_out=3)]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def usage(ledger: Ledger) -> UsageService:
    mine, other = assistant(id="a1", owner_id="u1"), assistant(id="a2", owner_id="u2")
    viewer = Member(user_id="u1", role=AssistantRole.VIEWER)
    joined = assistant(id="a3", owner_id="u2", members=(viewer,))
    access = AccessService(assistants=FakeAssistants(mine, other, joined))
    return UsageService(usage=ledger, access=access)


MEMBER, ADMIN = user(id="u1"), user(id="root", role=UserRole.ADMIN)


def report(usage: UsageService, caller: Any, **fields: Any) -> list[UsageRow]:
    usual: dict[str, Any] = {"group_by": "day", "first": None, "last": None}
    return usage.report(caller, **(usual | fields))


def test_a_user_sees_what_they_have_a_role_on_and_owned(
    usage: UsageService, ledger: Ledger
) -> None:
    rows = report(usage, MEMBER, first=date(2026, 11, 1), last=date(2026, 11, 30))

    assert rows == [UsageRow(group="g", turns=1, tokens_in=2, tokens_out=3)]
    assert ledger.asked == {
        "group_by": "day",
        "owner_id": "u1",
        "assistant_ids": ["a1", "a3"],
        "first_day": "2026-11-01",
        "last_day": "2026-11-30",
    }


def test_an_admin_sees_all(usage: UsageService, ledger: Ledger) -> None:
    report(usage, ADMIN, group_by="assistant")

    assert ledger.asked["owner_id"] is ledger.asked["assistant_ids"] is None
    assert ledger.asked["group_by"] == "assistant"


def test_one_assistant_may_be_asked_for(usage: UsageService, ledger: Ledger) -> None:
    for name in ("a1", "a3"):
        report(usage, MEMBER, assistant_id=name)
        assert ledger.asked["assistant_ids"] == [name]
        assert ledger.asked["owner_id"] is None

    report(usage, ADMIN, assistant_id="a2")
    assert ledger.asked["assistant_ids"] == ["a2"]


@pytest.mark.parametrize("assistant_id", ["a2", "none"])
def test_a_strangers_assistant_is_not_found(
    usage: UsageService, ledger: Ledger, assistant_id: str
) -> None:
    with pytest.raises(AssistantNotFound):
        report(usage, MEMBER, assistant_id=assistant_id)
    assert ledger.asked == {}
