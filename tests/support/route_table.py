"""Every route: who may call it, what its ids name, and what it takes."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.running import PASSWORD

Who = Literal["public", "refresh", "user", "bot"]
Thing = Literal["assistant", "chat", "document"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one rule.

    ``thing``: what the id in the path names. ``body``: a JSON body that is good.
    ``query``: the names it takes; among them ``assistant_id`` is checked as an id.
    ``done``: the status when all is well.
    """

    method: str
    rule: str
    who: Who = "user"
    thing: Thing | None = None
    body: dict[str, Any] | None = None
    upload: bool = False
    query: tuple[str, ...] = ()
    done: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    def path(self, thing_id: str = "") -> str:
        return re.sub(r"<\w+>", thing_id, self.rule)


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
}

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
    Route(method="GET", rule="/auth/me"),
    Route(method="PATCH", rule="/auth/me", body={"name": "Ana"}),
    Route(
        method="POST",
        rule="/auth/password",
        body={"current_password": PASSWORD, "new_password": PASSWORD},
    ),
    Route(method="POST", rule="/assistants/add", body=ASSISTANT, done=201),
    Route(method="GET", rule="/assistants/list", query=PAGING),
    Route(method="GET", rule="/assistants/get/<assistant_id>", thing="assistant"),
    Route(
        method="PUT",
        rule="/assistants/update/<assistant_id>",
        thing="assistant",
        body=ASSISTANT,
    ),
    Route(method="DELETE", rule="/assistants/delete/<assistant_id>", thing="assistant"),
    Route(
        method="POST",
        rule="/assistants/<assistant_id>/rotate-key",
        thing="assistant",
        body={"grace_seconds": 0},
    ),
    Route(method="POST", rule="/chats/enviarMensagemLLM", who="bot", body=MESSAGE),
    Route(method="GET", rule="/chats/list", query=CHATS),
    Route(method="GET", rule="/chats/listarAtivos", query=CHATS),
    Route(method="GET", rule="/chats/listarInativos", query=CHATS),
    Route(method="GET", rule="/chats/get/<chat_id>", thing="chat"),
    Route(
        method="GET",
        rule="/chats/<chat_id>/messages",
        thing="chat",
        query=("limit", "after_seq", "before_seq"),
    ),
    Route(method="PUT", rule="/chats/ativar/<chat_id>", thing="chat"),
    Route(method="PUT", rule="/chats/desativar/<chat_id>", thing="chat"),
    Route(method="POST", rule="/documents/add", upload=True, done=201),
    Route(
        method="GET",
        rule="/documents/list",
        query=(*PAGING, "assistant_id", "type", "status"),
    ),
    Route(method="GET", rule="/documents/get/<document_id>", thing="document"),
    Route(method="GET", rule="/documents/path/get/<document_id>", thing="document"),
    Route(method="PUT", rule="/documents/path/get/<document_id>", thing="document"),
    Route(method="GET", rule="/documents/download/<document_id>", thing="document"),
    Route(method="DELETE", rule="/documents/delete/<document_id>", thing="document"),
    Route(
        method="GET", rule="/usage", query=("group_by", "from", "to", "assistant_id")
    ),
    Route(method="GET", rule="/healthz", who="public"),
    Route(method="GET", rule="/readyz", who="public"),
    Route(method="GET", rule="/openapi.json", who="public"),
    Route(method="GET", rule="/docs", who="public"),
    Route(method="GET", rule="/docs/start.js", who="public"),
    Route(method="GET", rule="/docs/<any(css, js):kind>/<name>", who="public"),
)
GUARDED = [route for route in ROUTES if route.who != "public"]
UNKNOWN_ID = "6b0158e719637aa53a05b563"
