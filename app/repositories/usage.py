from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from app.models.usage import UsageEntry, UsageRow
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated


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
        row = asdict(entry)
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
        """Return the sums per group, by group; days are included at both ends."""
        match: dict[str, Any] = {}
        if owner_id is not None:
            match["owner_id"] = owner_id
        if assistant_ids is not None:
            match["assistant_id"] = {"$in": list(assistant_ids)}
        days = {"$gte": first_day, "$lte": last_day}
        if bounds := {op: day for op, day in days.items() if day}:
            match["day"] = bounds
        field = "day" if group_by == "day" else "assistant_id"
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
                {"$sort": {"_id": 1}},
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
