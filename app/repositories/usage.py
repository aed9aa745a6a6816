from collections.abc import Sequence
from typing import Any, Literal

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from app.models.usage import UsageEntry, UsageRow
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated
from app.repositories.rows import fields_of


@store_errors_translated
class UsageRepository:
    """The ledger: it keeps its figures when chats and assistants go."""

    def __init__(self, db: AnyDatabase) -> None:
        self._usage = db["usage"]
        self._repairable = self._usage.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._usage.create_index([("assistant_id", ASCENDING), ("day", ASCENDING)])
        self._usage.create_index([("owner_id", ASCENDING), ("day", ASCENDING)])
        self._usage.create_index([("day", ASCENDING)])

    def add(self, entry: UsageEntry) -> None:
        """Enter what an answer used; a second time, after a crash, changes nothing."""
        row = fields_of(entry)
        row["_id"] = row.pop("id")
        try:
            self._repairable.insert_one(row)
        except DuplicateKeyError:
            return

    def totals(
        self,
        *,
        group_by: Literal["day", "assistant"],
        owner_id: str | None,
        assistant_ids: Sequence[str] | None,
        first_day: str | None,
        last_day: str | None,
    ) -> list[UsageRow]:
        """Return the sums per group, by group; days are included at both ends.

        What is the owner's counts, and what is the assistants'; both None: all.
        """
        days = {"$gte": first_day, "$lte": last_day}
        bounds = {op: day for op, day in days.items() if day}
        within: dict[str, Any] = {"day": bounds} if bounds else {}
        field = "day" if group_by == "day" else "assistant_id"
        sums: dict[str, UsageRow] = {}
        for chosen in _parts(owner_id, assistant_ids):
            for row in self._sums(chosen | within, field):
                sums[row.group] = _added(sums.get(row.group), row)
        return [sums[group] for group in sorted(sums)]

    def _sums(self, match: dict[str, Any], field: str) -> list[UsageRow]:
        found = self._usage.aggregate(
            [
                {"$match": match},
                {
                    "$group": {
                        "_id": f"${field}",
                        "turns": {"$sum": "$turns"},
                        "tokens_in": {"$sum": "$tokens_in"},
                        "tokens_out": {"$sum": "$tokens_out"},
                    }
                },
            ]
        )
        return [
            UsageRow(
                group=row["_id"],
                turns=row["turns"],
                tokens_in=row["tokens_in"],
                tokens_out=row["tokens_out"],
            )
            for row in found
        ]


def _parts(
    owner_id: str | None, assistant_ids: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return queries that share no entry, each served by an index."""
    if assistant_ids is None:
        return [{} if owner_id is None else {"owner_id": owner_id}]
    among = {"assistant_id": {"$in": list(assistant_ids)}}
    if owner_id is None:
        return [among]
    others = {"owner_id": owner_id, "assistant_id": {"$nin": list(assistant_ids)}}
    return [among, others]


def _added(one: UsageRow | None, other: UsageRow) -> UsageRow:
    if one is None:
        return other
    return UsageRow(
        group=one.group,
        turns=one.turns + other.turns,
        tokens_in=one.tokens_in + other.tokens_in,
        tokens_out=one.tokens_out + other.tokens_out,
    )
