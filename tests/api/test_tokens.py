"""Credentials that somebody made up, changed or kept too long open nothing."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from tests.support.raw_http import ask
from tests.support.running import Bot, Person, Server, running
from tests.support.tokens import (
    assembled,
    claims_of,
    expired,
    resigned,
    signing_key,
)

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

AT_ONCE = 1.0
OLD, NEW, OTHER = "old " * 10, "new " * 10, "other " * 10
Forge = Callable[[Server, Person], str]


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


def with_header(**changes: Any) -> Forge:
    def forge(server: Server, owner: Person) -> str:
        name, key = signing_key(server)
        header = {"alg": "HS256", "typ": "JWT", "kid": name} | changes
        return assembled(header, claims_of(owner.token), key)

    return forge


def with_claims(**changes: Any) -> Forge:
    return lambda server, owner: resigned(server, owner.token, **changes)


def with_key(key: str | bytes) -> Forge:
    def forge(server: Server, owner: Person) -> str:
        header = {"alg": "HS256", "typ": "JWT", "kid": signing_key(server)[0]}
        return assembled(header, claims_of(owner.token), key)

    return forge


def with_payload(payload: bytes) -> Forge:
    def forge(server: Server, owner: Person) -> str:
        name, key = signing_key(server)
        return assembled({"alg": "HS256", "kid": name}, payload, key)

    return forge


def unsigned(alg: str) -> Forge:
    return lambda _server, owner: assembled({"alg": alg}, claims_of(owner.token))


def edited(server: Server, owner: Person) -> str:
    head, _, signature = owner.token.split(".")
    other = assembled({}, claims_of(owner.token) | {"sub": "somebody else"})
    return ".".join([head, other.split(".")[1], signature])


def in_pieces(count: int) -> Forge:
    def forge(_server: Server, owner: Person) -> str:
        parts = owner.token.split(".")
        return ".".join((parts * 2)[:count])

    return forge


FORGED: dict[str, Forge] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg empty": unsigned(""),
    "alg HS256 without a signature": unsigned("HS256"),
    "RS256 in name": with_header(alg="RS256"),
    "ES256 in name": with_header(alg="ES256"),
    "HS512 in name": with_header(alg="HS512"),
    "alg as a list": with_header(alg=["HS256"]),
    "alg null": with_header(alg=None),
    "crit": with_header(crit=["exp"], exp=0),
    "b64 false": with_header(b64=False),
    "another key": with_key("x" * 64),
    "an empty key": with_key(""),
    "the key's name as the key": lambda server, owner: with_key(signing_key(server)[0])(
        server, owner
    ),
    "jku": lambda _server, owner: assembled(
        {"alg": "HS256", "jku": "http://127.0.0.1:9/keys"},
        claims_of(owner.token),
        "x" * 64,
    ),
    "jwk": lambda _server, owner: assembled(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "eHh4"}},
        claims_of(owner.token),
        "xxx",
    ),
    "kid of a file": lambda _server, owner: assembled(
        {"alg": "HS256", "kid": "../../../dev/null"}, claims_of(owner.token), b"\0"
    ),
    "kid of a query": lambda _server, owner: assembled(
        {"alg": "HS256", "kid": "x' UNION SELECT 'k"}, claims_of(owner.token), "k"
    ),
    "kid a number": with_header(kid=7),
    "kid null": with_header(kid=None),
    "kid a list": with_header(kid=["a"]),
    "kid an object": with_header(kid={"$ne": None}),
    "edited payload": edited,
    "one part": in_pieces(1),
    "two parts": in_pieces(2),
    "four parts": in_pieces(4),
    "five parts": in_pieces(5),
    "no parts": lambda _server, _owner: "...",
    "words": lambda _server, _owner: "a.b.c",
    "not base64": lambda _server, owner: owner.token.replace(".", ".*", 1),
    "a header that is a list": lambda _s, owner: assembled([], claims_of(owner.token)),
    "a header that is no JSON": lambda _s, owner: assembled(
        b"\xff{", claims_of(owner.token)
    ),
    "a deep header": lambda _s, owner: assembled(
        b"[" * 10_000, claims_of(owner.token), "x"
    ),
    "a deep payload": with_payload(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "a payload just short enough and deep": with_payload(b"[" * 2_000 + b"]" * 2_000),
    "a payload that is a list": with_payload(b"[]"),
    "a payload that is null": with_payload(b"null"),
    "a payload that is no JSON": with_payload(b"{"),
    "a payload of a huge number": with_payload(b'{"exp":' + b"9" * 2500 + b"}"),
    "a token of 100 kB": lambda _server, owner: owner.token + "x" * 100_000,
    "expired": lambda server, owner: expired(server, owner.token),
    "not yet valid": with_claims(nbf=2**33),
    "issued in the future": with_claims(iat=2**33, nbf=2**33),
    "no expiry's type": with_claims(exp="tomorrow"),
    "expiry infinite": with_payload(b'{"exp": 1e999}'),
    "another audience": with_claims(aud="another"),
    "another audience among two": with_claims(aud=["another", "more"]),
    "no audience": with_claims(aud=None),
    "another issuer": with_claims(iss="another"),
    "no issuer": with_claims(iss=None),
    "another type": with_claims(type="ticket"),
    "no session": with_claims(sid=None),
    "another session": with_claims(sid="6b0158e719637aa53a05b563"),
    "a session that is a number": with_claims(sid=7),
    "a session that is a query": with_claims(sid={"$ne": None}),
    "another user": with_claims(sub="6b0158e719637aa53a05b563"),
    "no user": with_claims(sub=None),
    "a user that is a query": with_claims(sub={"$gt": ""}),
    "a refresh token": lambda _server, owner: owner.refresh_token,
    "an access token with a refresh id": with_claims(rid="x"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused_fast(
    server: Server, owner: Person, nobody: httpx2.Client, forge: Forge
) -> None:
    token = forge(server, owner)
    for method, path in (("GET", "/auth/me"), ("POST", "/auth/refresh")):
        if path == "/auth/refresh" and token == owner.refresh_token:
            continue
        began = time.monotonic()
        answer = nobody.request(
            method, path, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorized"
        assert time.monotonic() - began < AT_ONCE


def test_the_forgeries_fail_for_their_own_reason(server: Server, owner: Person) -> None:
    good = with_header()(server, owner)

    assert server.client({"Authorization": f"Bearer {good}"}).get("/auth/me").is_success


def test_a_token_of_a_megabyte_is_refused(server: Server) -> None:
    answer = ask(
        server,
        "GET",
        "/auth/me",
        headers=(("Authorization", "Bearer " + "x" * 1024 * 1024),),
    )

    assert answer.status == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert server.anonymous().get("/healthz").is_success


def test_an_access_token_does_not_refresh(owner: Person) -> None:
    assert owner.http.post("/auth/refresh").status_code == 401


def test_a_key_and_a_token_do_not_stand_in_for_each_other(
    server: Server, owner: Person, bot: Bot, nobody: httpx2.Client
) -> None:
    message = {"id": "1", "message_service": "x", "message": "Hello"}
    for headers in (
        {"Authorization": f"Bearer {owner.token}"},
        {"X-API-Key": owner.token},
        {"Authorization": f"Bearer {bot.key}"},
    ):
        answer = nobody.post("/chats/enviarMensagemLLM", json=message, headers=headers)
        assert answer.status_code == 401
    for headers in ({"Authorization": f"Bearer {bot.key}"}, {"X-API-Key": bot.key}):
        for path in ("/auth/me", "/users", f"/assistants/get/{bot.id}"):
            assert nobody.get(path, headers=headers).status_code == 401
    bearer = {"Authorization": f"Bearer {bot.key}"}
    assert nobody.get("/chats/list", headers=bearer).status_code == 401


@pytest.mark.parametrize("name", ["api_key", "X-API-Key", "key", "token", "ticket"])
def test_credentials_in_the_address_are_refused(
    owner: Person, bot: Bot, nobody: httpx2.Client, name: str
) -> None:
    message = {"id": "1", "message_service": "x", "message": "Hello"}

    posted = nobody.post(
        "/chats/enviarMensagemLLM", params={name: bot.key}, json=message
    )

    assert posted.status_code == 401
    assert nobody.get("/auth/me", params={name: owner.token}).status_code == 401


@pytest.mark.parametrize(
    "key",
    [
        b"sk_",
        b"sk_" + b"A" * 43,
        b"sk_" + b"A" * 100_000,
        b"sk_\xff\xfe\x80\x81",
        "sk_ключ".encode(),
        b"sk_{$ne: null}",
        b"sk_\x01\x02\x7f",
        b"*",
        b"null",
        b"x" * 100_000,
    ],
    ids=lambda key: repr(key[:20]),
)
def test_a_made_up_key_is_refused(server: Server, key: bytes) -> None:
    body = json.dumps({"id": "1", "message_service": "x", "message": "Hi"}).encode()
    answer = ask(
        server,
        "POST",
        "/chats/enviarMensagemLLM",
        headers=(("X-API-Key", key), ("Content-Type", "application/json")),
        body=body,
    )

    assert answer.status in {400, 401}
    if answer.status == 401:
        assert answer.json()["error"]["code"] == "unauthorized"


def test_a_part_of_a_key_or_another_case_of_it_is_no_key(
    nobody: httpx2.Client, bot: Bot
) -> None:
    message = {"id": "1", "message_service": "x", "message": "Hello"}
    for key in (bot.key[:-1], bot.key + "A", bot.key.swapcase(), bot.key[3:]):
        answer = nobody.post(
            "/chats/enviarMensagemLLM", json=message, headers={"X-API-Key": key}
        )
        assert answer.status_code == 401


def test_a_key_of_an_assistant_opens_that_assistant_only(
    owner: Person, stranger: Person
) -> None:
    mine, theirs = owner.create_assistant(), stranger.create_assistant()

    chat = mine.post("Hello", contact=theirs.id).json()["chat_id"]

    assert owner.http.get(f"/chats/get/{chat}").json()["assistant_id"] == mine.id
    assert stranger.http.get(f"/chats/get/{chat}").status_code == 404


# A changed SECRET_KEY


@pytest.fixture(scope="module")
def rotation(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Return a function that serves the same data with other secrets."""
    folder: Path = tmp_path_factory.mktemp("rotation")
    return lambda **secrets: running(folder, **secrets)


def test_what_the_previous_secret_closed_still_opens_for_one_rotation(
    rotation: Callable[..., Any], server: Server
) -> None:
    with rotation(secret_key=OLD) as before:
        person = before.register("rotated@example.com")
        bot = person.create_assistant()
        assert bot.post("Hello").is_success

    with rotation(secret_key=NEW, secret_key_previous=OLD) as during:
        old = during.client({"Authorization": f"Bearer {person.token}"})
        assert old.get("/auth/me").is_success
        assert old.get(f"/assistants/get/{bot.id}").json()["api_key"] == bot.key
        assert during.bot(bot.id, bot.key).post("Still me").is_success
        again = during.sign_in(person.email)
        name, key = signing_key(during)
        header = jwt.get_unverified_header(again.token)
        assert header["kid"] == name != jwt.get_unverified_header(person.token)["kid"]
        assert jwt.decode(again.token, key, ["HS256"], audience=AUDIENCE)
        made_now = again.create_assistant()

    with rotation(secret_key=NEW) as after:
        old = after.client({"Authorization": f"Bearer {person.token}"})
        assert old.get("/auth/me").status_code == 401
        assert after.bot(bot.id, bot.key).post("And now?").status_code == 401
        new = after.client({"Authorization": f"Bearer {again.token}"})
        assert new.get("/auth/me").is_success
        assert new.get(f"/assistants/get/{bot.id}").json()["api_key"] is None
        assert after.bot(made_now.id, made_now.key).post("Hello").is_success

    with rotation(secret_key=OTHER) as elsewhere:
        lost = elsewhere.client({"Authorization": f"Bearer {again.token}"})
        assert lost.get("/auth/me").status_code == 401


AUDIENCE = "orquestradora-console"
