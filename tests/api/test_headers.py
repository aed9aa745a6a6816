"""Headers around every answer, and what is believed of those that come in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.raw_http import ask, exchange
from tests.support.running import Bot, Person, Server, running

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

ALLOWED = "https://console.example"
MADE = re.compile(r"[0-9a-f]{24}")
EXPOSED = {
    "Link",
    "X-Total-Count",
    "Retry-After",
    "X-Request-ID",
    "Location",
    "Idempotency-Replayed",
}


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "cors_origins": (ALLOWED, "http://localhost:3000"),
            "public_url": "https://bot.example",
            "trusted_proxies": ("127.0.0.1", "10.0.0.0/8"),
            "allowed_hosts": ("bot.example", "127.0.0.1", "[::1]"),
        }


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server without any of the settings above."""
    with cheap_passwords(), running(tmp_path_factory.mktemp("bare")) as made:
        yield made


ADDRESSES = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/docs"),
    ("GET", "/docs/start.js"),
    ("GET", "/docs/css/swagger-ui.css"),
    ("GET", "/openapi.json"),
    ("GET", "/auth/me"),
    ("GET", "/nothing/here"),
    ("POST", "/healthz"),
    ("POST", "/auth/login"),
    ("TRACE", "/auth/me"),
    ("OPTIONS", "/auth/me"),
    ("HEAD", "/healthz"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_every_answer_has_the_protecting_headers(
    nobody: httpx2.Client, bare: Server, method: str, path: str
) -> None:
    over_tls = nobody.request(method, path)
    plain = bare.anonymous().request(method, path)

    for answer in (over_tls, plain):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert MADE.fullmatch(answer.headers["X-Request-ID"])
        assert "Server" not in answer.headers
        assert "Python" not in str(answer.headers)
        if "/docs/css" not in path:
            assert answer.headers["Cache-Control"] == "no-store"
    assert "max-age=31536000" in over_tls.headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in plain.headers


def test_what_belongs_to_somebody_is_not_kept_by_caches(
    owner: Person, bot: Bot
) -> None:
    document = owner.upload(bot, "hours.md", "From nine to five.").json()["_id"]
    for path in ("/auth/me", "/assistants/list", f"/documents/download/{document}"):
        assert owner.http.get(path).headers["Cache-Control"] == "no-store"
    assert bot.post("Hello").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("asked", ["a", "req-1.2:3_4", "x" * 128])
def test_a_request_id_is_echoed(nobody: httpx2.Client, asked: str) -> None:
    answer = nobody.get("/nothing", headers={"X-Request-ID": asked})

    assert answer.headers["X-Request-ID"] == asked
    assert answer.json()["error"]["request_id"] == asked


@pytest.mark.parametrize(
    "asked",
    [b"", b"x" * 129, b"a b", b"<script>", b'"', b"{}", b"a\tb", "ã".encode(), b"\xff"],
)
def test_a_bad_request_id_is_replaced(server: Server, asked: bytes) -> None:
    answer = ask(server, "GET", "/nothing", headers=(("X-Request-ID", asked),))

    assert MADE.fullmatch(answer.headers["x-request-id"])
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


# CORS


@pytest.mark.parametrize("origin", [ALLOWED, "http://localhost:3000"])
@pytest.mark.parametrize("path", ["/healthz", "/auth/me", "/nothing"])
def test_an_allowed_origin_may_read(
    nobody: httpx2.Client, origin: str, path: str
) -> None:
    answer = nobody.get(path, headers={"Origin": origin})

    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in answer.headers["Vary"]
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert set(exposed.split(", ")) == EXPOSED
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_allowed_origin_may_ask_before(nobody: httpx2.Client) -> None:
    answer = nobody.options(
        "/assistants/add",
        headers={
            "Origin": ALLOWED,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type"} <= set(allowed.split(", "))


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://console.example",
        "https://console.example:8443",
        "https://console.example.evil.example",
        "https://evilconsole.example",
        "https://consolexexample",
        "https://sub.console.example",
        "https://console.example/",
        "https://console.exampl",
        "*",
        "",
    ],
)
def test_another_origin_may_not(
    nobody: httpx2.Client, bare: Server, origin: str
) -> None:
    ask_before = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        nobody.get("/healthz", headers={"Origin": origin}),
        nobody.options("/assistants/add", headers=ask_before),
        bare.anonymous().get("/healthz", headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_every_origin_at_most_without_credentials(
    server: Server, tmp_path: Path
) -> None:
    with cheap_passwords(), running(tmp_path, cors_origins=("*",)) as made:
        answer = made.anonymous().get(
            "/healthz", headers={"Origin": "https://a.example"}
        )

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


# Host and forwarding headers


@pytest.mark.parametrize(
    "host",
    [
        "bot.example",
        "BOT.example:8080",
        "bot.example.",
        "127.0.0.1",
        "[::1]",
        "[::1]:8080",
    ],
)
def test_an_allowed_host_is_answered(server: Server, host: str) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

    assert raw(server, request) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "bot.example.evil.example",
        "evilbot.example",
        "bot.example@evil.example",
        "bot.example:80@evil.example",
        "bot.example/evil",
        "a b",
        "",
    ],
)
def test_an_unknown_host_is_refused(server: Server, host: str) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

    assert raw(server, request) == 400


def test_an_unknown_host_gets_our_error_body(nobody: httpx2.Client) -> None:
    answer = nobody.get("/healthz", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    spoofed = {"Host": "evil.example", "X-Forwarded-Host": "bot.example"}
    assert nobody.get("/healthz", headers=spoofed).status_code == 400


def raw(server: Server, request: str) -> int:
    return exchange(server, request.encode()).status


def lock_out(server: Server, person: Person, headers: dict[str, str]) -> int:
    """Guess at eleven accounts; return what ``person`` gets from there then."""
    http = server.anonymous()
    for number in range(10):
        body = {"email": f"x{number}-{headers}@example.com"[:200], "password": "wrong"}
        http.post("/auth/login", json=body, headers=headers)
    body = {"email": person.email, "password": "correct horse battery"}
    return http.post("/auth/login", json=body, headers=headers).status_code


def test_a_trusted_proxy_tells_where_logins_come_from(
    server: Server, owner: Person
) -> None:
    assert lock_out(server, owner, {"X-Forwarded-For": "203.0.113.1"}) == 429
    good = {"email": owner.email, "password": "correct horse battery"}
    for believed, status in (
        ("203.0.113.2", 200),
        ("203.0.113.1", 429),
        ("198.51.100.1, 203.0.113.1", 429),
        ("203.0.113.2, 203.0.113.1", 429),
        ("203.0.113.1, 10.1.2.3", 429),
        ("203.0.113.1, 203.0.113.2", 200),
        ("nonsense", 200),
        ("", 200),
    ):
        answer = server.anonymous().post(
            "/auth/login", json=good, headers={"X-Forwarded-For": believed}
        )
        assert answer.status_code == status, believed


def test_without_a_trusted_proxy_nobody_chooses_their_address(
    server: Server, bare: Server
) -> None:
    person = bare.register()
    http = bare.anonymous()
    for number in range(10):
        http.post(
            "/auth/login",
            json={"email": f"x{number}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )

    answer = http.post(
        "/auth/login",
        json={"email": person.email, "password": "correct horse battery"},
        headers={"X-Forwarded-For": "198.51.100.7", "X-Real-IP": "198.51.100.7"},
    )

    assert answer.status_code == 429


def test_a_proxy_that_is_not_ours_is_not_believed(
    server: Server, tmp_path: Path
) -> None:
    with cheap_passwords(), running(tmp_path, trusted_proxies=("10.0.0.1",)) as made:
        person = made.register()
        assert lock_out(made, person, {"X-Forwarded-For": "203.0.113.1"}) == 429
        answer = made.anonymous().post(
            "/auth/login",
            json={"email": person.email, "password": "correct horse battery"},
            headers={"X-Forwarded-For": "203.0.113.99"},
        )

    assert answer.status_code == 429
