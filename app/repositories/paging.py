"""Lists in parts: newest first, by a time and then the id."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pymongo import DESCENDING
from pymongo.collection import Collection

from app.errors import InvalidInput
from app.models.page import Page, PageRequest

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def find_page(
    collection: Collection[dict[str, Any]],
    query: dict[str, Any],
    request: PageRequest,
    *,
    by: str,
    build: Callable[[dict[str, Any]], T],
) -> Page[T]:
    """Return the part of the matching documents that follows the cursor.

    ``by`` is the time field that the list is ordered by. Raises InvalidInput for
    a cursor that we did not make.
    """
    selection = query
    if request.after:
        moment, last_id = _decode(request.after)
        selection = {
            "$and": [
                query,
                {by: {"$lte": moment}},
                {"$or": [{by: {"$lt": moment}}, {"_id": {"$lt": last_id}}]},
            ]
        }
    found = list(
        collection.find(selection)
        .sort([(by, DESCENDING), ("_id", DESCENDING)])
        .limit(request.limit + 1)
    )
    rows, more = found[: request.limit], len(found) > request.limit
    return Page(
        items=[build(row) for row in rows],
        total=collection.count_documents(query),
        next=_encode(rows[-1][by], rows[-1]["_id"]) if more else None,
    )


def _encode(moment: datetime, last_id: str) -> str:
    since = (moment - EPOCH) // timedelta(milliseconds=1)
    return base64.urlsafe_b64encode(f"{since}:{last_id}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        since, last_id = base64.urlsafe_b64decode(cursor).decode().split(":", 1)
        return EPOCH + timedelta(milliseconds=int(since)), last_id
    except (binascii.Error, ValueError, OverflowError) as exc:
        raise InvalidInput(fields={"after": "field.cursor"}) from exc
