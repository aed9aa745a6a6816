from typing import Any

import pytest

from app.models.usage import UsageRow
from app.repositories.usage import UsageRepository
from tests.support.made import usage_entry
from tests.support.races import at_once


def totals(usage: UsageRepository, **fields: Any) -> list[UsageRow]:
    usual: dict[str, Any] = {
        "group_by": "day",
        "owner_id": None,
        "assistant_ids": None,
        "first_day": None,
        "last_day": None,
    }
    return usage.totals(**(usual | fields))


def test_an_empty_ledger_has_no_rows(usage: UsageRepository) -> None:
    assert totals(usage) == []
    assert totals(usage, group_by="assistant", assistant_ids=[]) == []


def test_an_entry_counts_once_however_often_it_is_entered(
    usage: UsageRepository,
) -> None:
    entry = usage_entry(tokens_in=2**40)
    at_once(lambda _: usage.add(entry))

    assert totals(usage) == [
        UsageRow(group=entry.day, turns=1, tokens_in=2**40, tokens_out=3)
    ]


@pytest.fixture
def entered(usage: UsageRepository) -> UsageRepository:
    for day, assistant_id, owner, turns in (
        ("2026-11-20", "a1", "u1", 1),
        ("2026-11-20", "a2", "u1", 1),
        ("2026-11-21", "a1", "u1", 0),
        ("2026-12-01", "a3", "u2", 1),
    ):
        usage.add(
            usage_entry(
                day=day,
                assistant_id=assistant_id,
                owner_id=owner,
                turns=turns,
                tokens_in=10,
                tokens_out=1,
            )
        )
    return usage


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [("2026-11-20", 2, 20), ("2026-11-21", 0, 10), ("2026-12-01", 1, 10)]),
        ({"group_by": "assistant"}, [("a1", 1, 20), ("a2", 1, 10), ("a3", 1, 10)]),
        ({"owner_id": "u2"}, [("2026-12-01", 1, 10)]),
        ({"owner_id": "u1"}, [("2026-11-20", 2, 20), ("2026-11-21", 0, 10)]),
        (
            {"group_by": "assistant", "owner_id": "u2", "assistant_ids": ["a1"]},
            [("a1", 1, 20), ("a3", 1, 10)],
        ),
        (
            {"group_by": "assistant", "owner_id": "u1", "assistant_ids": ["a1"]},
            [("a1", 1, 20), ("a2", 1, 10)],
        ),
        (
            {"owner_id": "u1", "assistant_ids": ["a1"], "last_day": "2026-11-20"},
            [("2026-11-20", 2, 20)],
        ),
        ({"owner_id": "u2", "assistant_ids": []}, [("2026-12-01", 1, 10)]),
        ({"assistant_ids": ["a1"]}, [("2026-11-20", 1, 10), ("2026-11-21", 0, 10)]),
        ({"assistant_ids": []}, []),
        (
            {"first_day": "2026-11-21"},
            [("2026-11-21", 0, 10), ("2026-12-01", 1, 10)],
        ),
        ({"last_day": "2026-11-20"}, [("2026-11-20", 2, 20)]),
        (
            {"first_day": "2026-11-21", "last_day": "2026-11-21"},
            [("2026-11-21", 0, 10)],
        ),
        ({"first_day": "2027-01-01"}, []),
        (
            {"group_by": "assistant", "owner_id": "u1", "last_day": "2026-11-20"},
            [("a1", 1, 10), ("a2", 1, 10)],
        ),
    ],
)
def test_sums_by_group_in_order(
    entered: UsageRepository,
    asked: dict[str, Any],
    expected: list[tuple[str, int, int]],
) -> None:
    rows = totals(entered, **asked)

    assert [(row.group, row.turns, row.tokens_in) for row in rows] == expected
    assert all(row.tokens_out * 10 == row.tokens_in for row in rows)
