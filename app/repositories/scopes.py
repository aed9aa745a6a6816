from collections.abc import Sequence
from typing import Any


def among(assistant_ids: Sequence[str] | None) -> dict[str, Any]:
    """Return the part of a query that limits it to these assistants; None: all."""
    if assistant_ids is None:
        return {}
    return {"assistant_id": {"$in": list(assistant_ids)}}
