"""Adding pages by their address, and what came of it."""

from typing import Any

import httpx2

from tests.support.fetched import answer
from tests.support.running import Bot, Person, Server

HTML = "Content-Type: text/html; charset=utf-8"
PAGE = answer("<h1>Horários</h1><p>Das nove às cinco.".encode(), HTML)


def add(person: Person, bot: Bot, url: str, **fields: Any) -> httpx2.Response:
    """Add a page, and wait until it is indexed or has failed."""
    body = {"assistant_id": bot.id, "url": url} | fields
    made = person.http.post("/documents/add-url", json=body)
    if made.status_code == 201:
        person.indexed(made.json()["_id"])
    return made


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def documents(person: Person, bot: Bot) -> list[dict[str, Any]]:
    rows = person.http.get("/documents/list", params={"assistant_id": bot.id})
    found: list[dict[str, Any]] = rows.raise_for_status().json()
    return found


def nothing_is_left(server: Server, person: Person, bot: Bot) -> bool:
    folder = server.settings.documents_dir / bot.id
    return not documents(person, bot) and not any(
        path.is_file() for path in folder.rglob("*")
    )
