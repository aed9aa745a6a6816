"""Every route: who may call it, what its ids name, and what it takes."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.made_archive import entries, zip_of
from tests.support.running import PASSWORD

Who = Literal["public", "refresh", "user", "bot"]
Scope = Literal["chat", "read", "documents"]
Thing = Literal["assistant", "chat", "document", "key", "message", "user"]
Role = Literal["viewer", "attendant", "editor", "owner", "admin"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one rule.

    ``scopes``: a key with one of them opens it, a user's route as well. ``role``: the
    lowest that may use it, on the thing. ``thing``: what the id in the path names,
    ``inner`` the second id. ``body``: a JSON body that is good, or else ``form`` and
    ``files``, but for an assistant's id in it, which is UNKNOWN_ID. ``query``: the names
    it takes; among them ``assistant_id`` is checked as an id. ``stream``: it does not
    end, and a ticket opens it as well. ``done``: the status when all is well.
    """

    method: str
    rule: str
    who: Who = "user"
    scopes: tuple[Scope, ...] = ()
    role: Role = "viewer"
    thing: Thing | None = None
    inner: Thing | None = None
    body: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    files: dict[str, tuple[str, bytes]] | None = None
    query: tuple[str, ...] = ()
    stream: bool = False
    done: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def upload(self) -> bool:
        return self.files is not None

    @property
    def template(self) -> str:
        """Its rule as OpenAPI writes it."""
        return re.sub(ID, r"{\1}", self.rule)

    def path(self, thing_id: str = "", inner_id: str | None = None) -> str:
        outer = re.sub(ID, lambda _: thing_id, self.rule, count=1)
        return re.sub(ID, lambda _: thing_id if inner_id is None else inner_id, outer)


ID = r"<(?:path:)?(\w+)>"
UNKNOWN_ID = "6b0158e719637aa53a05b563"


PAGING = ("limit", "after")
CHATS = (*PAGING, "assistant_id", "message_service", "status", "q")
MESSAGE = {
    "id": "5511",
    "message_service": "whatsapp",
    "username": "Rita",
    "active": True,
    "message": "Hello",
    "message_id": "wamid.7",
    "metadata": {"campaign": "spring"},
}
ASSISTANT = {
    "name": "Loja",
    "company": "Loja Ltda",
    "instructions": "Be kind.",
    "model": "gpt-test",
    "temperature": 0.5,
    "max_tokens": 100,
    "retrieval": {
        "enabled": True,
        "passages": 4,
        "min_score": None,
        "citations": True,
    },
    "history": {"messages": 10},
    "takeover": {
        "return_after_minutes": 30,
        "contact_keywords": ["atendente"],
        "release_keywords": ["robô"],
    },
}
USER = {
    "name": "Carla",
    "email": "carla@example.com",
    "password": PASSWORD,
    "role": "member",
}
REASON = {"reason": "on the phone"}

ROUTES = (
    Route(
        method="POST",
        rule="/auth/register",
        who="public",
        body={
            "name": "Ana",
            "email": "ana@example.com",
            "password": PASSWORD,
            "setup_token": "none is needed",
        },
        done=201,
    ),
    Route(
        method="POST",
        rule="/auth/login",
        who="public",
        body={"email": "nobody@example.com", "password": PASSWORD},
    ),
    Route(method="POST", rule="/auth/refresh", who="refresh"),
    Route(method="POST", rule="/auth/logout"),
    Route(method="POST", rule="/auth/ticket"),
    Route(method="GET", rule="/auth/me"),
    Route(method="PATCH", rule="/auth/me", body={"name": "Ana"}),
    Route(
        method="POST",
        rule="/auth/password",
        body={"current_password": PASSWORD, "new_password": PASSWORD},
    ),
    Route(
        method="POST",
        rule="/assistants/add",
        body=ASSISTANT | {"members": []},
        done=201,
    ),
    Route(method="GET", rule="/assistants/list", query=PAGING),
    Route(method="GET", rule="/assistants/get/<assistant_id>", thing="assistant"),
    Route(
        method="PUT",
        rule="/assistants/update/<assistant_id>",
        role="editor",
        thing="assistant",
        body=ASSISTANT,
    ),
    Route(
        method="DELETE",
        rule="/assistants/delete/<assistant_id>",
        role="owner",
        thing="assistant",
    ),
    Route(
        method="POST",
        rule="/assistants/<assistant_id>/rotate-key",
        role="owner",
        thing="assistant",
        body={"grace_seconds": 0},
    ),
    Route(
        method="GET",
        rule="/assistants/<assistant_id>/keys",
        role="owner",
        thing="assistant",
        query=PAGING,
    ),
    Route(
        method="POST",
        rule="/assistants/<assistant_id>/keys",
        role="owner",
        thing="assistant",
        body={"name": "Reports", "scopes": ["read"], "expires_at": None},
        done=201,
    ),
    Route(
        method="GET",
        rule="/assistants/<assistant_id>/keys/<key_id>",
        role="owner",
        thing="assistant",
        inner="key",
    ),
    Route(
        method="DELETE",
        rule="/assistants/<assistant_id>/keys/<key_id>",
        role="owner",
        thing="assistant",
        inner="key",
    ),
    Route(method="GET", rule="/users", role="admin", query=PAGING),
    Route(method="POST", rule="/users", role="admin", body=USER, done=201),
    Route(method="GET", rule="/users/<user_id>", role="admin", thing="user"),
    Route(
        method="PATCH",
        rule="/users/<user_id>",
        role="admin",
        thing="user",
        body=USER | {"email": "diego@example.com", "active": True},
    ),
    Route(
        method="POST",
        rule="/chats/enviarMensagemLLM",
        who="bot",
        scopes=("chat",),
        body=MESSAGE,
    ),
    Route(
        method="GET",
        rule="/chats/outbox",
        who="bot",
        scopes=("chat",),
        query=("after", "wait"),
    ),
    Route(method="GET", rule="/chats/list", scopes=("read",), query=CHATS),
    Route(method="GET", rule="/chats/listarAtivos", scopes=("read",), query=CHATS),
    Route(method="GET", rule="/chats/listarInativos", scopes=("read",), query=CHATS),
    Route(method="GET", rule="/chats/get/<chat_id>", scopes=("read",), thing="chat"),
    Route(
        method="GET",
        rule="/chats/<chat_id>/messages/<path:message_id>",
        scopes=("read", "chat"),
        thing="chat",
        inner="message",
    ),
    Route(
        method="GET",
        rule="/chats/<chat_id>/messages",
        scopes=("read",),
        thing="chat",
        query=("limit", "after_seq", "before_seq"),
    ),
    Route(method="PUT", rule="/chats/ativar/<chat_id>", role="attendant", thing="chat"),
    Route(
        method="PUT", rule="/chats/desativar/<chat_id>", role="attendant", thing="chat"
    ),
    Route(
        method="POST",
        rule="/chats/<chat_id>/takeover",
        role="attendant",
        thing="chat",
        body=REASON,
    ),
    Route(
        method="POST",
        rule="/chats/<chat_id>/release",
        role="attendant",
        thing="chat",
        body=REASON,
    ),
    Route(
        method="POST",
        rule="/chats/<chat_id>/assign",
        role="attendant",
        thing="chat",
        body={"user_id": None},
    ),
    Route(
        method="POST",
        rule="/chats/<chat_id>/messages",
        role="attendant",
        thing="chat",
        body={"text": "Hello, Rita here.", "note": False},
        done=201,
    ),
    Route(
        method="POST",
        rule="/chats/<chat_id>/close",
        role="attendant",
        thing="chat",
        body=REASON,
    ),
    Route(
        method="POST",
        rule="/assistants/<assistant_id>/search",
        thing="assistant",
        body={"query": "opening hours", "limit": 3},
    ),
    Route(
        method="GET",
        rule="/assistants/<assistant_id>/export",
        role="editor",
        thing="assistant",
    ),
    Route(
        method="POST",
        rule="/assistants/import",
        form={"name": "Loja"},
        files={"file": ("loja.zip", zip_of(entries()))},
        done=201,
    ),
    Route(
        method="POST",
        rule="/documents/add",
        scopes=("documents",),
        role="editor",
        form={"assistant_id": UNKNOWN_ID, "type": "rag"},
        files={"file": ("more.md", b"# More")},
        done=201,
    ),
    Route(
        method="POST",
        rule="/documents/add-many",
        scopes=("documents",),
        role="editor",
        form={"assistant_id": UNKNOWN_ID},
        files={"files": ("another.md", b"# Another")},
    ),
    Route(
        method="POST",
        rule="/documents/add-url",
        scopes=("documents",),
        role="editor",
        body={
            "assistant_id": UNKNOWN_ID,
            "url": "https://example.com/page",
            "filename": "page.html",
            "replace": False,
        },
        done=201,
    ),
    Route(
        method="GET",
        rule="/documents/list",
        scopes=("documents",),
        query=(*PAGING, "assistant_id", "type", "status"),
    ),
    Route(
        method="GET",
        rule="/documents/get/<document_id>",
        scopes=("documents",),
        thing="document",
        query=("wait",),
    ),
    Route(
        method="POST",
        rule="/documents/<document_id>/reindex",
        scopes=("documents",),
        role="editor",
        thing="document",
        done=202,
    ),
    Route(
        method="GET",
        rule="/documents/path/get/<document_id>",
        scopes=("documents",),
        thing="document",
    ),
    Route(
        method="PUT",
        rule="/documents/path/get/<document_id>",
        scopes=("documents",),
        thing="document",
    ),
    Route(
        method="GET",
        rule="/documents/download/<document_id>",
        scopes=("documents",),
        thing="document",
    ),
    Route(
        method="DELETE",
        rule="/documents/delete/<document_id>",
        scopes=("documents",),
        role="editor",
        thing="document",
    ),
    Route(
        method="GET", rule="/usage", query=("group_by", "from", "to", "assistant_id")
    ),
    Route(
        method="GET",
        rule="/events",
        query=("assistant_id", "chat_id", "last_event_id", "ticket"),
        stream=True,
    ),
    Route(method="GET", rule="/healthz", who="public"),
    Route(method="GET", rule="/readyz", who="public"),
    Route(method="GET", rule="/openapi.json", who="public"),
    Route(method="GET", rule="/docs", who="public"),
    Route(method="GET", rule="/docs/start.js", who="public"),
    Route(method="GET", rule="/docs/<any(css, js):kind>/<name>", who="public"),
)
GUARDED = [route for route in ROUTES if route.who != "public"]
