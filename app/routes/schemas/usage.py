from datetime import date
from typing import Literal

from pydantic import Field

from app.routes.schemas.chats import TokensRead
from app.routes.schemas.common import Input, Output, Text


class UsageQuery(Input):
    group_by: Literal["day", "assistant"] = "day"
    first: date | None = Field(None, alias="from")
    last: date | None = Field(None, alias="to")
    assistant_id: Text | None = Field(None, max_length=64)


class UsageRead(Output):
    """One group's sums: ``day`` or ``assistant_id`` names it, the other is null."""

    day: str | None
    assistant_id: str | None
    turns: int
    tokens: TokensRead
    cost: float | None = None
