"""How a message lies in its document."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.models.message import Author, Citation, Message, MessageStatus, Tokens
from app.repositories.rows import fields_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPTIONAL = ("model", "in_reply_to", "turn", "failure", "posted_by")


def message_row(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {
        "_id": message.id,
        "chat_id": message.chat_id,
        "assistant_id": message.assistant_id,
        "seq": message.seq,
        "author": message.author.value,
        "text": message.text,
        "status": message.status.value,
        "created_at": message.created_at,
    }
    if message.tokens:
        row["tokens"] = {
            "in": message.tokens.tokens_in,
            "out": message.tokens.tokens_out,
        }
    if message.citations:
        row["citations"] = [fields_of(citation) for citation in message.citations]
    if message.metadata:
        row["metadata"] = list(message.metadata.items())
    for name in OPTIONAL:
        if (value := getattr(message, name)) is not None:
            row[name] = value
    if message.deliver_to:
        row["deliver"] = outbox_place(
            message.deliver_to, message.created_at, message.seq
        )
    return row


def outbox_place(key_id: str, moment: datetime, seq: int = 0) -> str:
    """Return where an entry lies in the outbox of a key: oldest first, as text."""
    since = (moment - EPOCH) // timedelta(milliseconds=1)
    return f"{key_id}/{since:013d}/{seq:010d}"


def message_from(found: dict[str, Any]) -> Message:
    tokens = found.get("tokens")
    deliver = found.get("deliver")
    return Message(
        id=found["_id"],
        chat_id=found["chat_id"],
        assistant_id=found["assistant_id"],
        seq=found["seq"],
        author=Author(found["author"]),
        text=found["text"],
        status=MessageStatus(found["status"]),
        created_at=found["created_at"],
        tokens=tokens and Tokens(tokens_in=tokens["in"], tokens_out=tokens["out"]),
        model=found.get("model"),
        citations=tuple(Citation(**row) for row in found.get("citations", ())),
        metadata=dict(found.get("metadata", ())),
        in_reply_to=found.get("in_reply_to"),
        turn=found.get("turn"),
        failure=found.get("failure"),
        posted_by=found.get("posted_by"),
        deliver_to=deliver and deliver.partition("/")[0],
    )
