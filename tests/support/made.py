"""Models as tests need them: whole, and different where a test says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.models.api_key import ApiKey, KeyScope
from app.models.assistant import Assistant
from app.models.chat import (
    Channel,
    Chat,
    ChatState,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
)
from app.models.document import Chunk, Document, DocumentStatus, DocumentType
from app.models.ids import new_id
from app.models.job import Job, JobState
from app.models.message import Author, Message, MessageStatus, Tokens
from app.models.usage import UsageEntry
from app.models.user import User, UserRole

NOW = datetime(2026, 11, 21, 8, 30, 0, 123_000, tzinfo=UTC)
CHANNEL = Channel(id="+55 92 99999-0000", message_service="whatsapp")
# What people really send, and what breaks careless stores.
HARD_TEXTS = [
    "",
    "olá, coração 👩‍👩‍👧‍👦🇧🇷",
    "\0 in the middle \0",
    "$where: 1",
    "a.b.c",
    "\u202eright to left",
    "x" * 200_000,
    "😀" * 30_000,
]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def user(**fields: Any) -> User:
    name = new_id()
    usual: dict[str, Any] = {
        "id": name,
        "email": f"{name}@example.com",
        "name": "Ana",
        "role": UserRole.MEMBER,
        "active": True,
        "password_hash": "bcrypt-sha256$made-up",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return User(**(usual | fields))


def assistant(**fields: Any) -> Assistant:
    usual: dict[str, Any] = {
        "id": new_id(),
        "name": "Guide",
        "owner_id": "owner",
        "company": None,
        "instructions": "",
        "model": None,
        "temperature": None,
        "max_tokens": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Assistant(**(usual | fields))


def api_key(**fields: Any) -> ApiKey:
    name = new_id()
    usual: dict[str, Any] = {
        "id": name,
        "assistant_id": "a1",
        "main": True,
        "name": "Main",
        "scopes": (KeyScope.CHAT,),
        "hint": "abcd",
        "digest": f"digest of {name}",
        "sealed": "sealed",
        "previous_digest": None,
        "previous_until": None,
        "expires_at": None,
        "created_at": NOW,
        "rotated_at": None,
    }
    return ApiKey(**(usual | fields))


def chat(**fields: Any) -> Chat:
    usual: dict[str, Any] = {
        "id": new_id(),
        "assistant_id": "a1",
        "channel": CHANNEL,
        "username": None,
        "state": ChatState(status=ChatStatus.BOT),
        "tokens": Tokens(),
        "message": None,
        "response": None,
        "last_seq": 0,
        "queue": (),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Chat(**(usual | fields))


def queued(**fields: Any) -> QueuedTurn:
    usual: dict[str, Any] = {
        "id": new_id(),
        "message_id": new_id(),
        "process": "p1",
        "key_id": "k1",
    }
    return QueuedTurn(**(usual | fields))


def outcome(**fields: Any) -> TurnOutcome:
    usual: dict[str, Any] = {
        "answer_id": new_id(),
        "seq": 2,
        "text": "Good morning.",
        "suppressed": False,
        "model": "gpt-test",
        "tokens": Tokens(tokens_in=10, tokens_out=3),
        "estimated": False,
        "citations": (),
        "created_at": later(1),
    }
    return TurnOutcome(**(usual | fields))


def message(**fields: Any) -> Message:
    usual: dict[str, Any] = {
        "id": new_id(),
        "chat_id": "c1",
        "assistant_id": "a1",
        "seq": 1,
        "author": Author.CONTACT,
        "text": "Good morning",
        "status": MessageStatus.PENDING,
        "created_at": NOW,
    }
    return Message(**(usual | fields))


def document(**fields: Any) -> Document:
    name = new_id()
    usual: dict[str, Any] = {
        "id": name,
        "assistant_id": "a1",
        "type": DocumentType.RAG,
        "filename": f"{name}.md",
        "filepath": f"a1/knowledge/{name}.md",
        "size": 10,
        "sha256": "0" * 64,
        "revision": new_id(),
        "status": DocumentStatus.READY,
        "progress": 1.0,
        "error": None,
        "chunks": 1,
        "created_at": NOW,
    }
    return Document(**(usual | fields))


def chunk(**fields: Any) -> Chunk:
    usual: dict[str, Any] = {
        "id": new_id(),
        "assistant_id": "a1",
        "document_id": "d1",
        "revision": "r1",
        "position": 0,
        "filename": "notes.md",
        "start": 0,
        "heading": None,
        "language": "en",
        "text": "Opening hours are nine to five.",
    }
    return Chunk(**(usual | fields))


def usage_entry(**fields: Any) -> UsageEntry:
    usual: dict[str, Any] = {
        "id": new_id(),
        "assistant_id": "a1",
        "owner_id": "owner",
        "chat_id": "c1",
        "day": "2026-11-21",
        "turns": 1,
        "model": "gpt-test",
        "tokens_in": 10,
        "tokens_out": 3,
        "estimated": False,
        "created_at": NOW,
    }
    return UsageEntry(**(usual | fields))


def job(**fields: Any) -> Job:
    usual: dict[str, Any] = {
        "id": new_id(),
        "kind": "index",
        "subject": "d1",
        "revision": "r1",
        "assistant_id": "a1",
        "state": JobState.QUEUED,
        "process": None,
        "attempts": 0,
        "error": None,
        "created_at": NOW,
    }
    return Job(**(usual | fields))
