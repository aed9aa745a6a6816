"""How a chat lies in its document, and how it is asked for."""

import re
from dataclasses import asdict
from typing import Any

from app.models.chat import (
    Channel,
    Chat,
    ChatFilter,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
)
from app.models.message import Citation, Tokens


def chosen_query(chosen: ChatFilter) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if chosen.message_service is not None:
        query["channel.message_service"] = chosen.message_service
    if chosen.status is not None:
        query["status"] = chosen.status.value
    elif chosen.active is not None:
        active = ChatStatus.BOT.value
        query["status"] = active if chosen.active else {"$ne": active}
    if chosen.start:
        query["$or"] = [
            {"username_key": {"$regex": f"^{re.escape(chosen.start.casefold())}"}},
            {"channel.id": {"$regex": f"^{re.escape(chosen.start)}"}},
        ]
    return query


def channel_key(channel: Channel) -> str:
    """Return what is unique of a channel: no two pairs of names give the same."""
    service = channel.message_service
    return f"{len(service)}:{service}:{channel.id}"


def queued_row(turn: QueuedTurn) -> dict[str, Any]:
    return {"id": turn.id, "message_id": turn.message_id, "process": turn.process}


def outcome_row(outcome: TurnOutcome) -> dict[str, Any]:
    row = asdict(outcome)
    row["citations"] = [asdict(citation) for citation in outcome.citations]
    return row


def chat_from(found: dict[str, Any]) -> Chat:
    return Chat(
        id=found["_id"],
        assistant_id=found["assistant_id"],
        channel=Channel(**found["channel"]),
        username=found["username"],
        status=ChatStatus(found["status"]),
        tokens=Tokens(
            tokens_in=found["tokens"]["in"], tokens_out=found["tokens"]["out"]
        ),
        message=found["message"],
        response=found["response"],
        last_seq=found["last_seq"],
        queue=tuple(_turn(row) for row in found["queue"]),
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )


def _turn(row: dict[str, Any]) -> QueuedTurn:
    outcome = row.get("outcome")
    return QueuedTurn(
        id=row["id"],
        message_id=row["message_id"],
        process=row["process"],
        revoked=row.get("revoked", False),
        outcome=outcome
        and TurnOutcome(
            **{
                **outcome,
                "tokens": Tokens(**outcome["tokens"]),
                "citations": tuple(Citation(**c) for c in outcome["citations"]),
            }
        ),
    )
