"""Each route called once by everybody whom it serves, and what came back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support.listening import listening
from tests.support.route_table import ROUTES, Route
from tests.support.running import PASSWORD, Person, Server
from tests.support.second import bare_store
from tests.support.things import Things, call, call_on, make_things

MEMBERS = ("viewer", "attendant", "editor")
ROLES = (*MEMBERS, "owner", "admin")
QUESTION = "What are your hours?"
HIDDEN_IN_STORE = {
    "users": ("password_hash",),
    "api_keys": ("digest", "sealed", "previous_digest"),
    "sessions": ("refresh_id",),
    "messages": ("fingerprint",),
}
EVENTS = next(route for route in ROUTES if route.stream)
POST = next(route for route in ROUTES if route.rule == "/chats/enviarMensagemLLM")
STYLE_SHEET = "/docs/css/swagger-ui.css"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``body`` of JSON, else None; ``schema`` names its shape where no route does.

    ``key``: the main key of the assistant that it is about.
    """

    caller: str
    route: Route
    status: int
    text: str
    body: Any = None
    schema: str | None = None
    key: str = ""

    def __str__(self) -> str:
        return f"{self.route} by {self.caller}"


class AllAnswers:
    """What a server answered; ``secrets`` is what its store hid meanwhile."""

    def __init__(self, server: Server, admin: Person, owner: Person) -> None:
        self._server = server
        self._owner = owner
        self._people = {role: server.register() for role in MEMBERS}
        self.answers: list[Answer] = []
        self.secrets: set[str] = set()
        everybody = self._people | {"owner": owner, "admin": admin}
        for role in ROLES:
            self._ask_as_role(role, everybody[role])
        for scope in ("read", "documents"):
            things = self._make_things()
            http = server.client({"X-API-Key": things.keys[scope]})
            self._ask_all(scope, http, things, [r for r in ROUTES if scope in r.scopes])
        self._ask_as_bot()
        self._ask_as_oneself()
        self._ask_as_nobody()
        self._note_secrets()

    def _make_things(self) -> Things:
        """Make an assistant with answered, attended and inactive chats."""
        things = make_things(self._owner, self._people)
        http = self._owner.http
        for contact in ("5511", "attended", "inactive"):
            posted = things.bot.post(
                QUESTION, contact, username="Rita", metadata={"campaign": "spring"}
            )
            chat = posted.json()["chat_id"]
            if contact == "attended":
                http.post(f"/chats/{chat}/takeover", json={}).raise_for_status()
                written = http.post(f"/chats/{chat}/messages", json={"text": "Nine."})
                written.raise_for_status()
            elif contact == "inactive":
                http.put(f"/chats/desativar/{chat}").raise_for_status()
        return things

    def _ask_as_role(self, role: str, person: Person) -> None:
        things = self._make_things()
        routes = [
            route
            for route in ROUTES
            if route.who == "user"
            and not route.stream
            and not route.rule.startswith("/auth/")
            and ROLES.index(route.role) <= ROLES.index(role)
        ]
        self._follow(role, person, things)
        self._ask_all(role, person.http, things, routes)

    def _follow(self, role: str, person: Person, things: Things) -> None:
        with listening(self._server, person, assistant_id=things.assistant) as stream:
            told = things.bot.post(QUESTION, "followed").json()["response"]
            for frame in stream.all_until(told):
                self._note(
                    role, EVENTS, things, frame.data, schema=f"{frame.name.title()}Read"
                )

    def _ask_as_bot(self) -> None:
        things = self._make_things()
        routes = [route for route in ROUTES if "chat" in route.scopes]
        self._ask_all("bot", things.bot.http, things, routes)
        streamed = things.bot.post(QUESTION, headers={"Accept": "text/event-stream"})
        name, data = streamed.text.strip().split("\n\n")[-1].split("\n")
        assert name == "event: done"
        done = json.loads(data.removeprefix("data: "))
        self._note("bot", POST, things, done)
        self._keep("bot", POST, things, streamed)

    def _ask_as_oneself(self) -> None:
        """Call what is about the caller alone, each with a sign-in of its own."""
        email = self._server.register().email
        for route in ROUTES:
            if route.who in {"user", "refresh"} and route.rule.startswith("/auth/"):
                person = self._server.sign_in(email)
                refresh = {"Authorization": f"Bearer {person.refresh_token}"}
                http = person.http
                if route.who == "refresh":
                    http = self._server.client(refresh)
                self._keep("oneself", route, None, call(http, route, route.path()))

    def _ask_as_nobody(self) -> None:
        http = self._server.anonymous()
        login = {"email": self._owner.email, "password": PASSWORD}
        for route in ROUTES:
            if route.who == "public":
                path = STYLE_SHEET if "<" in route.rule else route.rule
                body = login if route.rule == "/auth/login" else route.body
                answer = http.request(route.method, path, json=body)
                self._keep("nobody", route, None, answer)

    def _ask_all(
        self, caller: str, http: httpx2.Client, things: Things, routes: Sequence[Route]
    ) -> None:
        """Call them in the table's order; what deletes comes last, in reverse."""
        for route in _in_order(routes):
            if route.method == "DELETE":
                self._note_secrets()
            self._keep(caller, route, things, call_on(http, route, things))

    def _keep(
        self,
        caller: str,
        route: Route,
        things: Things | None,
        answer: httpx2.Response,
    ) -> None:
        is_json = answer.headers["Content-Type"] == "application/json"
        self.answers.append(
            Answer(
                caller=caller,
                route=route,
                status=answer.status_code,
                text=f"{answer.headers}\n\n{answer.text}",
                body=answer.json() if is_json else None,
                key=things.bot.key if things else "",
            )
        )

    def _note(
        self,
        caller: str,
        route: Route,
        things: Things,
        body: Any,
        schema: str | None = None,
    ) -> None:
        """Keep a part of a stream."""
        self.answers.append(
            Answer(
                caller=caller,
                route=route,
                status=route.done,
                text=json.dumps(body),
                body=body,
                schema=schema,
                key=things.bot.key,
            )
        )

    def _note_secrets(self) -> None:
        with bare_store(self._server) as store:
            for collection, names in HIDDEN_IN_STORE.items():
                for row in store[collection].find({}):
                    self.secrets |= {row[name] for name in names if row.get(name)}


def _in_order(routes: Sequence[Route]) -> Iterator[Route]:
    deleting = [route for route in routes if route.method == "DELETE"]
    yield from (route for route in routes if route not in deleting)
    yield from reversed(deleting)
