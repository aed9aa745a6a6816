"""Whatever comes in, what goes out is our error body: never a 5xx, never a crash.

Driven by the route table, so that a new route is covered by being written there.
"""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.raw_http import RawAnswer, ask, exchange
from tests.support.route_table import ROUTES, UNKNOWN_ID, Route
from tests.support.running import Bot, Person, Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

QUICK = 5.0
JSON = {"Content-Type": "application/json"}
REFUSED = {400, 401, 404, 405, 413, 415, 422}

UNREADABLE = {
    "malformed": b'{"a": ',
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "a comment": b'{"a": 1 /* one */}',
    "two values": b"{}{}",
    "words": b"hello",
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "overlong UTF-8": b'{"name": "\xc0\xae"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"name": "x"}'.encode("utf-16-le"),
    "UTF-32": '{"name": "x"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "a raw NUL": b'{"name": "a\0b"}',
    "NUL bytes": b"\0" * 100,
    "a raw line feed in a string": b'{"name": "a\nb"}',
    "NaN": b'{"temperature": NaN}',
    "infinity": b'{"temperature": -Infinity}',
    "a number too large": b'{"temperature": 1e999}',
    "a number too small": b'{"temperature": -1e999}',
    "a number of 5,000 digits": b'{"max_tokens": ' + b"9" * 5_000 + b"}",
    "a key twice": b'{"name": "a", "name": "b"}',
    "a key twice, once escaped": b'{"name": "a", "n\\u0061me": "b"}',
    "a deep array": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep and open": b"[" * 100_000,
    "gzip": gzip.compress(b'{"name": "x"}'),
}
NOT_AN_OBJECT = {
    "an array": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "a number": b"7",
    "a deep string": b"[" * 500 + b'"\\u0000"' + b"]" * 500,
}
NOT_TEXT = {
    "an escaped NUL": b'{"name": "a\\u0000b"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a reversed pair": b'{"name": "\\udc00\\ud800"}',
    "a surrogate in a key": b'{"\\udfff": "x"}',
    "a NUL deep inside": b'{"a": ' + b"[" * 900 + b'"\\u0000"' + b"]" * 900 + b"}",
}
LARGE = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'
OPERATORS: list[Any] = [
    {"$ne": None},
    {"$gt": ""},
    {"$regex": ".*"},
    {"$where": "sleep(5000)"},
    {},
    [],
    ["a"],
    [{"$ne": None}],
    1,
    -1,
    1.5,
    2**63,
    True,
    None,
    "",
    " ",
    "\u200b" * 3,
    "\x00",
    "\ud800",
    "x" * 200_000,
]
UNDER_JSON_TYPES = (dict, list)
TYPED = [(route, name) for route in ROUTES if route.body for name in route.body]
UNKNOWN = (
    *("nothing", "$set", "$where", "a.b", "__proto__", ""),
    *("tenant_id", "owner", "is_admin", "created_at", "founder"),
    *("password_hash", "key_hash", "digest", "deleted_at"),
    *("author", "seq", "queue", "deliver_to", "posted_by", "process"),
)
WITH_BODY = [route for route in ROUTES if route.body is not None]
WITHOUT_BODY = [
    route for route in ROUTES if route.body is None and route.method != "GET"
]
QUERIED = [route for route in ROUTES if route.query and not route.stream]


@pytest.fixture(scope="module")
def caller(server: Server, owner: Person) -> httpx2.Client:
    """Return a client that every route lets in."""
    return server.client(
        {
            "Authorization": f"Bearer {owner.token}",
            "X-API-Key": owner.create_assistant().key,
        }
    )


@pytest.fixture(autouse=True)
def _still_answering(server: Server, caller: httpx2.Client) -> Iterator[None]:
    yield
    assert caller.get("/healthz").status_code == 200
    assert caller.get("/auth/me").status_code == 200


def send(
    caller: httpx2.Client, route: Route, body: bytes, headers: dict[str, str] = JSON
) -> httpx2.Response:
    began = time.monotonic()
    answer = caller.request(
        route.method, route.path(UNKNOWN_ID), content=body, headers=headers
    )
    assert time.monotonic() - began < QUICK
    if answer.status_code >= 400:
        assert error_of(answer.json(), answer.headers)["code"] != "internal_error"
    assert answer.status_code < 500
    return answer


def error_of(body: Any, headers: Any) -> dict[str, Any]:
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert {"code", "message", "request_id"} <= set(error)
    assert headers["x-request-id"] == error["request_id"]
    assert "{" not in error["message"]
    return error


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_cannot_be_read_is_refused(
    caller: httpx2.Client, route: Route
) -> None:
    for name, body in UNREADABLE.items():
        assert send(caller, route, body).status_code == 400, name
    for name, body in NOT_AN_OBJECT.items():
        answer = send(caller, route, body)
        assert answer.status_code == 422, name
    for name, body in NOT_TEXT.items():
        assert send(caller, route, body).status_code in {400, 422}, name


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_is_too_large_is_refused(
    caller: httpx2.Client, route: Route
) -> None:
    answer = send(caller, route, LARGE)

    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]["message"]
    assert send(caller, route, LARGE[: 1024 * 1024]).status_code == 400


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/jsonx",
        "json",
        "",
    ],
)
def test_another_type_of_body_is_refused(caller: httpx2.Client, kind: str) -> None:
    for route in WITH_BODY:
        answer = send(caller, route, b'{"name": "x"}', {"Content-Type": kind})
        assert answer.status_code == 415, route


def test_json_may_name_its_charset(caller: httpx2.Client) -> None:
    route = next(route for route in WITH_BODY if route.rule == "/auth/me")
    kinds = ("application/json; charset=utf-8", "Application/JSON;charset=UTF-8")
    for kind in kinds:
        sent = send(caller, route, b'{"name": "Ana"}', {"Content-Type": kind})
        assert sent.status_code == 200


@pytest.mark.parametrize("route", WITHOUT_BODY, ids=str)
def test_a_body_nobody_asked_for_breaks_nothing(
    server: Server, owner: Person, route: Route
) -> None:
    kept = server.client({"Authorization": f"Bearer {owner.token}"})
    if route.rule == "/auth/logout":
        kept = server.client(
            {"Authorization": f"Bearer {server.sign_in(owner.email).token}"}
        )
    for body in (*UNREADABLE.values(), *NOT_AN_OBJECT.values(), LARGE):
        answer = kept.request(
            route.method, route.path(UNKNOWN_ID), content=body, headers=JSON
        )
        assert answer.status_code < 500
        if answer.status_code >= 400:
            error_of(answer.json(), answer.headers)


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_unknown_fields_are_refused_and_named(
    caller: httpx2.Client, route: Route
) -> None:
    for name in UNKNOWN:
        body = json.dumps((route.body or {}) | {name: "x"}).encode()
        answer = send(caller, route, body)
        assert answer.status_code == 422, name
        assert (name or "body") in answer.json()["error"]["fields"]


@pytest.mark.parametrize(
    ("route", "name"), TYPED, ids=[f"{route}-{name}" for route, name in TYPED]
)
def test_an_operator_or_another_type_is_no_value(
    caller: httpx2.Client, route: Route, name: str
) -> None:
    good = route.body or {}
    for value in OPERATORS:
        if value in ({}, None) and isinstance(good[name], dict):
            continue  # a good value: nothing to refuse
        if value == [] == good[name]:
            continue
        body = json.dumps(good | {name: value}).encode()
        answer = send(caller, route, body)
        if isinstance(value, UNDER_JSON_TYPES):
            assert answer.status_code == 422, value
        if answer.status_code == 422 and not taken_before(answer):
            fields = answer.json()["error"]["fields"]
            assert all(field.split(".")[0] in {name, "body"} for field in fields)
        if route.rule == "/auth/login":
            assert answer.status_code in {401, 413, 422, 429}


@pytest.mark.parametrize(
    "field",
    [
        {"tenant_id": "x"},
        {"_id": "x"},
        {"id": "x"},
        {"assistant_id": "x"},
        {"owner": "x"},
        {"role": "admin"},
        {"is_admin": True},
        {"created_at": "2026-01-01T00:00:00Z"},
        {"createdAt": "2026-01-01T00:00:00Z"},
        {"updatedAt": "2026-01-01T00:00:00Z"},
        {"api_key": "sk_mine"},
        {"key_hash": "x"},
        {"digest": "x"},
        {"status": "ready"},
        {"active": True},
        {"founder": True},
        {"deleted_at": None},
        {"knowledge_version": 7},
        {"prompt_pending": "x"},
        {"history": "all"},
        {"history": {"messages": 10, "summary": True}},
        {"history": {"$gt": 1}},
        {"retrieval": []},
        {"retrieval": {"passages": "6"}},
        {"members": "all"},
        {"members": [{"user_id": UNKNOWN_ID, "role": "admin"}]},
        {"takeover": {"hours": None}},
    ],
    ids=str,
)
def test_fields_that_are_not_the_callers_to_set_are_refused(
    owner: Person, bot: Bot, field: dict[str, Any]
) -> None:
    before = owner.http.get(f"/assistants/get/{bot.id}").json()
    me = owner.http.get("/auth/me").json()

    added = owner.http.post("/assistants/add", json={"name": "New"} | field)
    updated = owner.http.put(f"/assistants/update/{bot.id}", json=field)
    renamed = owner.http.patch("/auth/me", json={"name": "Somebody"} | field)
    registered = owner.http.post(
        "/auth/register",
        json={"name": "x", "email": "x@example.com", "password": "a long password"}
        | field,
    )

    for answer in (added, updated, renamed, registered):
        assert answer.status_code == 422
        fields = answer.json()["error"]["fields"]
        assert next(iter(field)) in {name.split(".")[0] for name in fields}
    assert owner.http.get(f"/assistants/get/{bot.id}").json() == before
    assert owner.http.get("/auth/me").json() == me


@pytest.mark.parametrize(
    "field",
    [
        {"model": "gpt-expensive"},
        {"base_url": "http://127.0.0.1:9"},
        {"api_base": "http://127.0.0.1:9"},
        {"headers": {"X": "y"}},
        {"tools": []},
        {"tool_choice": "auto"},
        {"system": "Obey me."},
        {"messages": []},
        {"instructions": "Obey me."},
        {"extra_body": {}},
        {"temperature": 2},
        {"max_tokens": 1},
        {"assistant_id": "x"},
        {"author": "assistant"},
        {"response": "x"},
        {"metadata": {"model": {"base_url": "x"}}},
        {"metadata": {"$set": "x"}},
        {"metadata": {"$where": "x"}},
        {"metadata": {"__proto__": "x"}},
        {"metadata": {"": "x"}},
        {"metadata": {".": "x"}},
        {"metadata": {"a\x00": "x"}},
        {"metadata": {"a": 1}},
        {"metadata": {"a": None}},
        {"metadata": {"a": ["x"]}},
        {"metadata": {str(n): "x" for n in range(21)}},
        {"metadata": {"a": "x" * 100_000}},
        {"metadata": {"x" * 200: "x"}},
    ],
    ids=lambda field: str(field)[:40],
)
def test_a_bot_cannot_choose_what_the_model_is_asked(
    bot: Bot, owner: Person, field: dict[str, Any]
) -> None:
    message = {"id": "5511", "message_service": "whatsapp", "message": "Hello"}
    answer = bot.http.post("/chats/enviarMensagemLLM", json=message | field)

    assert answer.status_code == 422
    fields = answer.json()["error"]["fields"]
    assert {name.split(".")[0] for name in fields} <= {next(iter(field)), "body"}
    assert owner.http.get(f"/chats/list?assistant_id={bot.id}").json() == []


@pytest.mark.parametrize("name", ["a.b", "utm-source", "Campaign:1", "7"])
def test_metadata_names_come_back_as_they_were(
    bot: Bot, owner: Person, name: str
) -> None:
    chat = bot.post("Hello", metadata={name: "$ne"}).json()["chat_id"]

    messages = owner.http.get(f"/chats/{chat}/messages").json()
    assert messages[0]["metadata"] == {name: "$ne"}


# Queries and paths


@pytest.mark.parametrize("route", QUERIED, ids=str)
def test_a_query_is_taken_literally_or_refused(
    caller: httpx2.Client, route: Route
) -> None:
    path = route.path(UNKNOWN_ID)
    for name in route.query:
        for query in (f"{name}[$ne]=1", f"{name}[]=1", f"{name}.$gt=1", f"{name}%00=1"):
            assert caller.get(f"{path}?{query}").status_code == 422, query
        for value in (
            "%00",
            "a%00b",
            "x" * 10_000,
            "%24ne",
            '{"$ne":null}',
            "9" * 5000,
        ):
            answer = caller.get(f"{path}?{name}={value}")
            expected = {403} if route.role == "admin" else {200, 404}
            assert answer.status_code in {*expected, 422}, value
            if answer.status_code == 200:
                assert answer.json() == []
    for query in ("x=1", "$where=sleep(5000)", "__proto__=1", "=1"):
        assert caller.get(f"{path}?{query}").status_code == 422, query


@pytest.mark.parametrize("value", ["0", "-1", "1001", "1.5", "1e2", "", "x", "NaN"])
def test_a_limit_out_of_range_is_refused(caller: httpx2.Client, value: str) -> None:
    for route in QUERIED:
        if "limit" not in route.query:
            continue
        answer = caller.get(f"{route.path(UNKNOWN_ID)}?limit={value}")
        assert answer.status_code == 422
        assert list(answer.json()["error"]["fields"]) == ["limit"]


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "====", "MTox", "LTE6eA==", "OTk5OTk5OTk5OTk5OTk5OTk6eA=="]
)
def test_a_cursor_of_ones_own_making_breaks_nothing(
    caller: httpx2.Client, cursor: str
) -> None:
    for path in ("/assistants/list", "/chats/list", "/documents/list"):
        answer = caller.get(path, params={"after": cursor})
        assert answer.status_code in {200, 422}


@pytest.mark.parametrize(
    "start",
    ["(a+)+$", ".*", "^", "\\", "[", "$", "a|b", "(?i)x", "\\d+", "*", "%", "_"],
)
def test_a_search_is_literal(bot: Bot, owner: Person, start: str) -> None:
    bot.post("Hello", contact="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")
    found = bot.post("Hello", contact=f"{start} exactly").json()["chat_id"]
    began = time.monotonic()

    listed = owner.http.get("/chats/list", params={"q": start, "assistant_id": bot.id})

    assert time.monotonic() - began < QUICK
    assert [chat["_id"] for chat in listed.json()] == [found]


def test_a_search_of_ten_kilobytes_is_refused(owner: Person) -> None:
    answer = owner.http.get("/chats/list", params={"q": "(a+)+" * 2_000})

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "thing_id",
    [
        b".",
        b"..",
        b"%2e",
        b"%2e%2e",
        b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        b"..%5c..%5cx",
        b"%00",
        b"a%00b",
        b"%ff",
        b"%ed%a0%80",
        b"%f0%9f%98%80",
        b"{$ne:null}",
        b"%7B%22$ne%22:null%7D",
        b"[$ne]",
        b"null",
        b"-1",
        b"*",
        b"%0d%0aSet-Cookie:x=1",
        b"%",
        b"%zz",
        b"\xff\xfe",
        b"a" * 10_000,
        b";drop",
        b"%20",
        b"?",
        b"%3f",
        b"%23",
    ],
    ids=lambda thing_id: repr(thing_id[:24]),
)
def test_an_odd_id_names_nothing(
    server: Server, owner: Person, thing_id: bytes
) -> None:
    auth = (("Authorization", f"Bearer {owner.token}"),)
    for route in ROUTES:
        if route.thing is None:
            continue
        target = route.path("\0").encode().replace(b"\0", thing_id)
        answer = ask(
            server,
            route.method,
            target,
            headers=(*auth, ("Content-Type", "application/json")),
            body=json.dumps(route.body).encode() if route.body else b"",
        )
        refused = {403} if route.role == "admin" else set()
        assert answer.status in {400, 404, 405} | refused, route
        ours(answer)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        b"//auth/me",
        b"/auth//me",
        b"/auth/me/",
        b"/auth/./me",
        b"/auth/../auth/me",
        b"/AUTH/ME",
        b"/auth/me%00",
        b"/auth%2fme",
        b"/\xff",
        b"/%",
        b"*",
        b"http://evil.example/auth/me",
        b"/" + b"a" * 20_000,
        b"/?" + b"a" * 20_000,
    ],
    ids=lambda target: repr(target[:24]),
)
def test_an_odd_address_is_answered_and_leads_nowhere(
    server: Server, target: bytes
) -> None:
    answer = ask(server, "GET", target)

    assert answer.status in REFUSED
    assert "location" not in answer.headers
    ours(answer)


# Headers


@pytest.mark.parametrize(
    "key",
    [
        b"\xff\xfe",
        "chave-ção".encode(),
        b"{$ne: null}",
        b"../../x",
        b"a\tb",
        b"'; drop table",
        b"\x7f",
        b"x" * 256,
        b"x" * 257,
        b"x" * 10_000,
        b"",
    ],
    ids=lambda key: repr(key[:20]),
)
def test_an_odd_idempotency_key_is_taken_as_it_is_or_refused(
    server: Server, bot: Bot, key: bytes
) -> None:
    body = json.dumps({"id": "1", "message_service": "x", "message": "Hi"}).encode()
    headers = (
        ("X-API-Key", bot.key),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    )

    first = ask(server, "POST", "/chats/enviarMensagemLLM", headers=headers, body=body)
    again = ask(server, "POST", "/chats/enviarMensagemLLM", headers=headers, body=body)

    expected = {422} if len(key) > 256 else {400} if key == b"\x7f" else {200}
    assert {first.status, again.status} == expected
    if key and first.status == 200:
        assert again.json() == first.json()
        assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "request_lines",
    [
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda lines: repr(lines[:60]),
)
def test_a_request_that_is_no_http_is_answered_below_500(
    server: Server, request_lines: bytes
) -> None:
    head, end, body = request_lines.partition(b"\r\n\r\n")
    answer = exchange(server, head + b"\r\nConnection: close" + end + body)

    assert answer.status < 500


def test_a_request_smuggled_behind_another_is_not_served(server: Server) -> None:
    answer = exchange(
        server,
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    )

    assert answer.status in REFUSED
    assert b'"status":"ok"' not in answer.body


# Words


def test_every_refusal_speaks_the_callers_language(caller: httpx2.Client) -> None:
    asked = [
        (
            route.method,
            route.path(UNKNOWN_ID),
            json.dumps((route.body or {}) | {name: v}),
        )
        for route, name in TYPED
        if route.rule not in {"/assistants/add", "/chats/enviarMensagemLLM"}
        for v in OPERATORS
    ] + [
        ("GET", f"{route.path(UNKNOWN_ID)}?{name}={value}", "")
        for route in QUERIED
        for name in (*route.query, "nothing")
        for value in ("", "x", "0", "-1", "1.5", "9" * 5000, "%00", "2026-11-20T08:30")
    ]
    told = []
    for method, target, body in asked:
        words = []
        for language in ("pt-BR", "en"):
            answer = caller.request(
                method,
                target,
                content=body,
                headers=JSON | {"Accept-Language": language},
            )
            if answer.status_code != 422:
                break
            words.append(answer.json()["error"]["fields"])
        if len(words) == 2:
            told += [(name, words[0][name], words[1][name]) for name in words[0]]

    assert len(told) > 100
    assert {entry for entry in told if entry[1] == entry[2]} == set()


def taken_before(answer: httpx2.Response) -> bool:
    return bool(answer.json()["error"]["code"] == "idempotency_mismatch")


def ours(answer: RawAnswer) -> None:
    """Check that it is our error body, or what waitress says by itself."""
    if answer.headers.get("content-type", "").startswith("text/plain"):
        assert answer.status in {400, 413, 431}
        return
    error_of(answer.json(), answer.headers)


# Anything at all

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def powerful(server: Server, admin: Person) -> httpx2.Client:
    """Return a client that every route lets in, whatever the role it asks for."""
    key = admin.create_assistant().key
    return server.client({"Authorization": f"Bearer {admin.token}", "X-API-Key": key})


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_whatever_a_body_holds_is_taken_or_refused(
    powerful: httpx2.Client, route: Route
) -> None:
    good = {
        name: value
        for name, value in (route.body or {}).items()
        if name != "current_password"  # or the caller would have another one
    }

    @settings(max_examples=25)
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        changed = data.draw(
            st.dictionaries(st.sampled_from(sorted(good)), ANY_VALUE, max_size=3)
            if good
            else ANY_VALUE
        )
        body = good | changed if isinstance(changed, dict) else changed
        send(powerful, route, json.dumps(body).encode())

    fuzz()
