from dataclasses import fields
from typing import Any

from app.models.message import Author, Message
from app.routes.errors import request_language
from app.texts import text

FIELDS = tuple(field.name for field in fields(Message))


def shown(message: Message, language: str | None = None) -> dict[str, Any]:
    """Return a message as people read it: what happened is told in their language."""
    told = {name: getattr(message, name) for name in FIELDS}
    if message.author is Author.SYSTEM:
        key = f"timeline.{message.metadata['event']}"
        told["text"] = text(key, language or request_language(), **message.metadata)
    return told
