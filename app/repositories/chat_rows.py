"""How a chat lies in its document, and how it is asked for."""

import re
from typing import Any

from app.models.chat import (
    Channel,
    Chat,
    ChatFilter,
    ChatState,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
    UnwrittenEntry,
)
from app.models.message import Citation, Message, Tokens
from app.repositories.message_rows import message_from, message_row
from app.repositories.rows import fields_of


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
    row = {
        "id": turn.id,
        "message_id": turn.message_id,
        "process": turn.process,
        "key_id": turn.key_id,
    }
    if turn.resumed_from:
        row["resumed_from"] = turn.resumed_from
    return row


def settling(
    chat: Chat, turn_id: str, outcome: TurnOutcome, question: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return when a turn may be decided like this, and what changes with it."""
    query = {
        "_id": chat.id,
        "queue.0.id": turn_id,
        "queue.0.revoked": {"$exists": False},
        "last_seq": outcome.seq - 1,
        "status": (chat.status if outcome.suppressed else ChatStatus.BOT).value,
    }
    changes: dict[str, Any] = {"updated_at": outcome.created_at}
    if not outcome.suppressed:
        changes |= {
            "message": question,
            "response": outcome.text,
            "unread": len(chat.queue) - 1,
        }
    used = {
        "last_seq": 1,
        "tokens.in": outcome.tokens.tokens_in,
        "tokens.out": outcome.tokens.tokens_out,
    }
    return query, {"$set": changes, "$inc": used}


def state_changes(state: ChatState) -> dict[str, Any]:
    """Return the update that puts a chat into a state."""
    changes: dict[str, Any] = {
        "status": state.status.value,
        "assigned_to": state.assigned_to,
        "waiting_since": state.waiting_since,
        "unread": state.unread,
    }
    if state.attended is None:  # absent: the sparse index passes it over
        return {"$set": changes, "$unset": {"attended": ""}}
    return {"$set": changes | {"attended": state.attended}}


def unwritten_row(entry: Message, process: str) -> dict[str, Any]:
    return {"id": entry.id, "process": process, "message": message_row(entry)}


def outcome_row(outcome: TurnOutcome) -> dict[str, Any]:
    return fields_of(outcome) | {
        "tokens": fields_of(outcome.tokens),
        "citations": [fields_of(citation) for citation in outcome.citations],
    }


def chat_from(found: dict[str, Any]) -> Chat:
    return Chat(
        id=found["_id"],
        assistant_id=found["assistant_id"],
        channel=Channel(**found["channel"]),
        username=found["username"],
        state=ChatState(
            status=ChatStatus(found["status"]),
            assigned_to=found.get("assigned_to"),
            waiting_since=found.get("waiting_since"),
            attended=found.get("attended"),
            unread=found.get("unread", 0),
        ),
        tokens=Tokens(
            tokens_in=found["tokens"]["in"], tokens_out=found["tokens"]["out"]
        ),
        message=found["message"],
        response=found["response"],
        last_seq=found["last_seq"],
        left_bot=found.get("left_bot", 0),
        queue=tuple(_turn(row) for row in found["queue"]),
        unwritten=tuple(_unwritten(row) for row in found.get("unwritten", ())),
        key_id=found.get("key_id"),
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )


def _turn(row: dict[str, Any]) -> QueuedTurn:
    outcome = row.get("outcome")
    return QueuedTurn(
        id=row["id"],
        message_id=row["message_id"],
        process=row["process"],
        key_id=row["key_id"],
        resumed_from=row.get("resumed_from"),
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


def _unwritten(row: dict[str, Any]) -> UnwrittenEntry:
    return UnwrittenEntry(message=message_from(row["message"]), process=row["process"])
