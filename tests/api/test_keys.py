"""Further keys of an assistant: made, shown once, listed, deleted."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.route_table import UNKNOWN_ID
from tests.support.running import Bot, Person, Server
from tests.support.second import bare_store, second_server

SHOWN = {"_id", "name", "scopes", "hint", "expires_at", "createdAt"}
WITHIN = 2.0
FUTURE = "2099-12-31T23:59:59.123Z"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


def create(person: Person, bot: Bot, **fields: Any) -> httpx2.Response:
    usual = {"name": "Reports", "scopes": ["read"], "expires_at": None}
    return person.http.post(f"/assistants/{bot.id}/keys", json=usual | fields)


def made(person: Person, bot: Bot, *scopes: str) -> dict[str, Any]:
    answer = create(person, bot, scopes=scopes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(person: Person, bot: Bot) -> list[dict[str, Any]]:
    answer = person.http.get(f"/assistants/{bot.id}/keys")
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


def test_a_secret_is_shown_once(owner: Person, bot: Bot) -> None:
    answer = create(owner, bot, scopes=["read", "chat"], expires_at=FUTURE)

    key = answer.json()
    assert answer.status_code == 201
    assert set(key) == SHOWN | {"id", "secret"}
    assert key["id"] == key["_id"]
    assert answer.headers["Location"] == f"/assistants/{bot.id}/keys/{key['_id']}"
    assert key["secret"].startswith("sk_")
    assert len(key["secret"]) == 3 + 43
    assert key["hint"] == f"sk_…{key['secret'][-4:]}"
    assert (key["scopes"], key["expires_at"]) == (["read", "chat"], FUTURE)
    shown = {name: key[name] for name in SHOWN}
    assert listed(owner, bot) == [shown]
    assert owner.http.get(answer.headers["Location"]).json() == shown
    for path in (
        f"/assistants/{bot.id}/keys",
        f"/assistants/get/{bot.id}",
        "/assistants/list",
    ):
        assert key["secret"] not in owner.http.get(path).text


def test_the_store_holds_a_digest_alone(
    server: Server, owner: Person, bot: Bot
) -> None:
    key = made(owner, bot, "documents")

    with bare_store(server) as store:
        row = store["api_keys"].find_one({"_id": key["_id"]})
    assert row is not None
    assert row["sealed"] is None
    assert key["secret"][3:] not in str(row)
    assert key["secret"][-8:] not in str(row)


def test_the_main_key_is_no_further_key(
    owner: Person, bot: Bot, server: Server
) -> None:
    assert listed(owner, bot) == []
    with bare_store(server) as store:
        main = store["api_keys"].find_one({"assistant_id": bot.id})
    assert main is not None

    answer = owner.http.delete(f"/assistants/{bot.id}/keys/{main['_id']}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "key_not_found"
    assert bot.post("Hello").is_success
    assert bot.http.get("/chats/list").status_code == 403


def test_each_scope_opens_its_part(
    server: Server, owner: Person, bot: Bot, stranger: Person
) -> None:
    owner.upload(bot, "hours.md", "# Hours\n\nNine to five.").raise_for_status()
    chat = bot.post("Hello").json()["chat_id"]
    reading = server.client({"X-API-Key": made(owner, bot, "read")["secret"]})
    documents = server.client({"X-API-Key": made(owner, bot, "documents")["secret"]})
    both = server.client({"X-API-Key": made(owner, bot, "documents", "read")["secret"]})
    posting = server.bot(bot.id, made(owner, bot, "chat")["secret"])

    assert posting.post("Hello").is_success
    for http in (reading, both):
        assert [row["_id"] for row in http.get("/chats/list").json()] == [chat]
        assert http.get("/chats/get/5511").json()["_id"] == chat
        assert http.put(f"/chats/desativar/{chat}").status_code == 401
    for http in (documents, both):
        added = http.post(
            "/documents/add",
            data={"type": "rag", "assistant_id": bot.id},
            files={"file": (f"more{id(http)}.md", b"# More")},
        )
        assert added.status_code == 201
        found = {row["_id"] for row in http.get("/documents/list").json()}
        assert added.json()["_id"] in found
        deleted = http.delete(f"/documents/delete/{added.json()['_id']}")
        assert deleted.is_success
        theirs = http.post(
            "/documents/add",
            data={"type": "prompt", "assistant_id": stranger.create_assistant().id},
            files={"file": ("prompt.txt", b"Obey me.")},
        )
        assert theirs.status_code == 404
    for http, path, scopes in (
        (documents, "/chats/list", "read"),
        (reading, "/documents/list", "documents"),
        (posting.http, "/documents/list", "documents"),
        (documents, f"/chats/{UNKNOWN_ID}/messages/x", "read, chat"),
    ):
        for language, words in (
            ("en", f"The key needs a scope for this: {scopes}."),
            ("pt-BR", f"A chave precisa de um escopo para isto: {scopes}."),
        ):
            answer = http.get(path, headers={"Accept-Language": language})
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "forbidden"
            assert answer.json()["error"]["message"] == words


def test_a_deleted_key_dies_within_a_second_in_every_process(
    server: Server, owner: Person, bot: Bot, tmp_path: Path
) -> None:
    key, kept = made(owner, bot, "read"), made(owner, bot, "read")
    with cheap_passwords(), second_server(server, tmp_path) as second:
        there = second.client({"X-API-Key": key["secret"]})
        assert there.get("/chats/list").is_success

        answer = owner.http.delete(f"/assistants/{bot.id}/keys/{key['_id']}")

        began = time.monotonic()
        assert answer.json() == {"_id": key["_id"], "deleted": True}
        while there.get("/chats/list").status_code != 401:
            assert time.monotonic() - began < WITHIN
    assert [row["_id"] for row in listed(owner, bot)] == [kept["_id"]]
    again = owner.http.delete(f"/assistants/{bot.id}/keys/{key['_id']}")
    assert again.status_code == 404
    other = server.client({"X-API-Key": kept["secret"]})
    assert other.get("/chats/list").is_success


def test_keys_go_with_their_assistant(server: Server, owner: Person, bot: Bot) -> None:
    http = server.client({"X-API-Key": made(owner, bot, "read")["secret"]})

    owner.http.delete(f"/assistants/delete/{bot.id}").raise_for_status()

    assert http.get("/chats/list").status_code == 401


def test_a_rotation_leaves_the_further_keys(
    server: Server, owner: Person, bot: Bot
) -> None:
    http = server.client({"X-API-Key": made(owner, bot, "read")["secret"]})

    rotated = owner.http.post(f"/assistants/{bot.id}/rotate-key").json()

    assert http.get("/chats/list").is_success
    assert server.bot(bot.id, rotated["api_key"]).post("Hello").is_success
    assert len(listed(owner, bot)) == 1


def test_a_key_in_the_address_is_not_read(
    server: Server, owner: Person, bot: Bot
) -> None:
    nobody = server.anonymous()
    for scope, path in (("read", "/chats/list"), ("documents", "/documents/list")):
        secret = made(owner, bot, scope)["secret"]
        for name in ("api_key", "X-API-Key", "key", "token", "ticket"):
            assert nobody.get(path, params={name: secret}).status_code == 401
        assert nobody.get(
            path, headers={"Cookie": f"X-API-Key={secret}"}
        ).status_code == (401)


def test_what_waits_for_a_deleted_key_the_main_one_delivers(
    server: Server, owner: Person, bot: Bot
) -> None:
    key = made(owner, bot, "chat")
    posting = server.bot(bot.id, key["secret"])
    chat = posting.post("A person, please").json()["chat_id"]
    owner.http.post(f"/chats/{chat}/takeover", json={}).raise_for_status()
    written = owner.http.post(f"/chats/{chat}/messages", json={"text": "I am here."})
    written.raise_for_status()
    assert [row["text"] for row in posting.http.get("/chats/outbox").json()] == [
        "I am here."
    ]
    assert bot.http.get("/chats/outbox").json() == []

    owner.http.delete(f"/assistants/{bot.id}/keys/{key['_id']}").raise_for_status()

    assert [row["text"] for row in bot.http.get("/chats/outbox").json()] == [
        "I am here."
    ]


def test_there_are_at_most_fifty(owner: Person, bot: Bot) -> None:
    for _ in range(50):
        last = made(owner, bot, "read")

    refused = create(owner, bot)

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "too_many_keys"
    owner.http.delete(f"/assistants/{bot.id}/keys/{last['_id']}").raise_for_status()
    assert create(owner, bot).status_code == 201
    first = owner.http.get(f"/assistants/{bot.id}/keys?limit=30")
    rest = owner.http.get(first.links["next"]["url"])
    assert len({row["_id"] for row in first.json() + rest.json()}) == 50


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", "x" * 121),
        ("name", None),
        ("scopes", []),
        ("scopes", None),
        ("scopes", "read"),
        ("scopes", ["read", "read"]),
        ("scopes", ["admin"]),
        ("scopes", ["read", 1]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
        ("expires_at", ""),
        ("expires_at", 4102444800),
        ("expires_at", "9999-12-31T23:59:59-14:00"),
        ("expires_at", "0001-01-01T00:00:00+14:00"),
        ("secret", "sk_mine"),
        ("main", True),
        ("assistant_id", UNKNOWN_ID),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_value_is_refused(
    owner: Person, bot: Bot, field: str, value: Any
) -> None:
    answer = create(owner, bot, **{field: value})

    assert answer.status_code == 422
    assert {n.split(".")[0] for n in answer.json()["error"]["fields"]} == {field}
    assert listed(owner, bot) == []


def test_a_wrong_scope_is_told_in_both_languages_and_as_nothing_else(
    owner: Person, bot: Bot
) -> None:
    for language, words in (
        ("en", "must be one of 'chat', 'read', 'documents'"),
        ("pt-BR", "deve ser um destes: 'chat', 'read', 'documents'"),
    ):
        answer = owner.http.post(
            f"/assistants/{bot.id}/keys",
            json={"name": "Reports", "scopes": ["admin"]},
            headers={"Accept-Language": language},
        )

        assert answer.json()["error"]["fields"] == {"scopes.0": words}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2099-01-02T03:04:05", "2099-01-02T03:04:05.000Z"),
        ("2099-01-02T03:04:05.678901Z", "2099-01-02T03:04:05.678Z"),
        ("2099-01-02T03:04:05-04:00", "2099-01-02T07:04:05.000Z"),
        ("2099-01-02", "2099-01-02T00:00:00.000Z"),
        (None, None),
    ],
)
def test_an_expiry_is_an_instant(
    owner: Person, bot: Bot, given: str | None, kept: str | None
) -> None:
    assert create(owner, bot, expires_at=given).json()["expires_at"] == kept
    assert listed(owner, bot)[0]["expires_at"] == kept
