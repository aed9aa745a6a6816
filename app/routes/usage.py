from typing import Any

from apiflask import APIBlueprint

from app.models.usage import UsageRow
from app.routes.credentials import user_auth
from app.routes.schemas.common import list_of
from app.routes.schemas.usage import UsageQuery, UsageRead
from app.routes.state import current_user, services

bp = APIBlueprint("usage", __name__, tag="Usage")


@bp.get("/usage")
@bp.auth_required(user_auth)
@bp.input(UsageQuery, location="query", arg_name="query")
@bp.output(list_of(UsageRead))
@bp.doc(responses=[404])
def report_usage(query: UsageQuery) -> list[dict[str, Any]]:
    """Sum up tokens by day or by assistant"""
    rows = services().usage.report(
        current_user(),
        group_by=query.group_by,
        first=query.first,
        last=query.last,
        assistant_id=query.assistant_id,
    )
    return [_shown(row, by_day=query.group_by == "day") for row in rows]


def _shown(row: UsageRow, *, by_day: bool) -> dict[str, Any]:
    return {
        "day": row.group if by_day else None,
        "assistant_id": None if by_day else row.group,
        "turns": row.turns,
        "tokens": {"in": row.tokens_in, "out": row.tokens_out},
    }
