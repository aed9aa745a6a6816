"""An assistant with everything that hangs on one, and calls of routes on it."""

from dataclasses import dataclass, replace
from typing import Any

import httpx2

from tests.support.route_table import UNKNOWN_ID, Route
from tests.support.running import Bot, Person

SCOPES = ("chat", "read", "documents")


@dataclass(frozen=True, kw_only=True)
class Things:
    """An assistant with members, further keys, a document and a chat; and a user.

    ``keys``: the secret of a further key for each scope.
    """

    assistant: str
    document: str
    chat: str
    message: str
    key: str
    user: str
    bot: Bot
    keys: dict[str, str]

    def id_of(self, thing: str | None) -> str:
        return str(getattr(self, thing)) if thing else ""

    def path(self, route: Route) -> str:
        inner = self.id_of(route.inner) if route.inner else None
        return route.path(self.id_of(route.thing), inner)


def make_things(owner: Person, members: dict[str, Person] | None = None) -> Things:
    bot = owner.create_assistant(
        instructions="You are the shop's voice.",
        members=[
            {"user_id": person.id, "role": role}
            for role, person in (members or {}).items()
        ],
    )
    document = owner.upload(bot, "hours.md", "# Hours\n\nFrom nine to five.")
    posted = bot.post("Hello").json()
    keys = {scope: further_key(owner, bot.id, scope) for scope in SCOPES}
    return Things(
        assistant=bot.id,
        document=document.json()["_id"],
        chat=posted["chat_id"],
        message=posted["message_id"],
        key=keys["read"]["_id"],
        user=owner.server.register().id,
        bot=bot,
        keys={scope: made["secret"] for scope, made in keys.items()},
    )


def further_key(owner: Person, assistant_id: str, scope: str) -> dict[str, Any]:
    body = {"name": f"for {scope}", "scopes": [scope], "expires_at": "2099-01-01"}
    answer = owner.http.post(f"/assistants/{assistant_id}/keys", json=body)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def call(
    http: httpx2.Client,
    route: Route,
    path: str,
    params: dict[str, str] | None = None,
) -> httpx2.Response:
    return http.request(
        route.method,
        path,
        json=route.body,
        data=route.form,
        files=route.files,
        params=params,
    )


def call_on(http: httpx2.Client, route: Route, things: Things) -> httpx2.Response:
    """Call a route with all that it needs, about these things."""
    return call(http, about(route, things), things.path(route))


def about(route: Route, things: Things) -> Route:
    """Return the route with the assistant's id in its body."""

    def named(fields: dict[str, Any] | None) -> dict[str, Any] | None:
        ours = {UNKNOWN_ID: things.assistant}
        return fields and {
            name: ours.get(value, value) if isinstance(value, str) else value
            for name, value in fields.items()
        }

    return replace(route, body=named(route.body), form=named(route.form))


def everything(admin: Person, things: Things) -> list[Any]:
    """Return all that refused calls must leave as it is."""
    paths = (
        f"/assistants/get/{things.assistant}",
        f"/assistants/{things.assistant}/keys",
        f"/documents/list?assistant_id={things.assistant}",
        f"/chats/list?assistant_id={things.assistant}",
        f"/chats/{things.chat}/messages",
        "/users",
    )
    return [admin.http.get(path).raise_for_status().json() for path in paths]


def told(answer: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert error.pop("request_id")
    return error
