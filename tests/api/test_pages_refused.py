"""Addresses that are never asked, and pages that cannot be had."""

import gzip
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fetched import GOOD, HOME, Site, answer, leading_to
from tests.support.pages import HTML, PAGE, add, error, nothing_is_left
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

OWN_NAME = "chat.example.com"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "fetch_allowed_networks": f"{GOOD}/32",
            "public_url": f"http://{OWN_NAME}",
            "max_upload_mb": 1,
        }


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(GOOD) as site:
        site.pages["/"] = site.pages["/hours"] = PAGE
        yield site


@pytest.fixture
def canary() -> Iterator[Site]:
    with Site(HOME) as canary:
        yield canary
        assert canary.connections == 0


# Addresses that are not asked

REFUSED = [
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:100.64.0.1]/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://[fd00:ec2::254]/",
    "http://0.0.0.0:{port}/",
    "http://224.0.0.1/",
    f"http://{OWN_NAME}/",
    f"https://{OWN_NAME}.:{{port}}/",
    "http://user@127.0.0.1:{port}/",
    "http://user:word@127.0.0.2/",
    "http://127.0.0.1:{port}\\@evil/",
    "http://１２７.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "data:text/html,hello",
    "unix:/run/docker.sock",
    "http://127.0.0.2:22/",
    "http://127.0.0.2:27017/",
    "http://127.0.0.2:6379/",
    "example.com/page",
    "http://",
    "http://127.0.0.2:{port}/ \r\nX: y",
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_is_never_asked(
    server: Server, owner: Person, bot: Bot, canary: Site, url: str
) -> None:
    url = url.format(port=canary.port)
    answers = [
        owner.http.post(
            "/documents/add-url",
            json={"assistant_id": bot.id, "url": url},
            headers={"Accept-Language": language},
        )
        for language in ("en", "pt-BR")
    ]

    fields = [refused.json()["error"]["fields"] for refused in answers]
    assert [refused.status_code for refused in answers] == [422, 422]
    assert [list(field) for field in fields] == [["url"], ["url"]]
    assert fields[0] != fields[1]
    assert nothing_is_left(server, owner, bot)


@pytest.mark.parametrize(
    "place", [url for url in REFUSED if "{port}/" in url and "X:" not in url]
)
def test_no_redirect_leads_there_either(
    server: Server, owner: Person, bot: Bot, site: Site, canary: Site, *, place: str
) -> None:
    site.pages["/"] = leading_to(place.format(port=canary.port))

    refused = add(owner, bot, site.url())

    assert error(refused) == (422, "address_refused")
    assert list(refused.json()["error"]["fields"]) == ["url"]
    assert nothing_is_left(server, owner, bot)


def test_an_address_is_asked_where_it_was_vetted(
    owner: Person,
    bot: Bot,
    site: Site,
    canary: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [GOOD, HOME]
    asked: list[str] = []

    def look_up(host: str, *_: object) -> list[Any]:
        asked.append(host)
        address = answers[min(len(asked), 2) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0))]

    monkeypatch.setattr("app.fetching.addresses.look_up", look_up)
    url = site.url("/", "docs.example.com")

    made = add(owner, bot, url)
    rebound = add(owner, bot, url, replace=True)

    assert (made.status_code, made.json()["source_url"]) == (201, url)
    assert error(rebound) == (422, "address_refused")
    assert asked == ["docs.example.com"] * 2
    assert len(site.heads) == 1


def test_a_chain_of_redirects_ends(
    server: Server, owner: Person, bot: Bot, site: Site
) -> None:
    for number in range(10):
        site.pages[f"/{number}"] = leading_to(f"/{number + 1}")

    refused = add(owner, bot, site.url("/0"))

    assert error(refused) == (502, "address_unreadable")
    assert len(site.heads) == 4
    assert nothing_is_left(server, owner, bot)


# What stands there


def endless(client: socket.socket) -> None:
    client.sendall(answer(b"", HTML, length=False))
    while True:
        client.sendall(b"<p>more</p>" * 1000)


def bomb(client: socket.socket) -> None:
    packed = gzip.compress(bytes(50 * 1024 * 1024))
    client.sendall(answer(packed, HTML, "Content-Encoding: gzip"))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (answer(b"x" * (1024 * 1024 + 1), HTML), (413, "address_too_large")),
        (endless, (413, "address_too_large")),
        (bomb, (413, "address_too_large")),
        (answer(b"x", status="404 Not Found"), (502, "address_unreadable")),
        (answer(b"x", status="500 Oops"), (502, "address_unreadable")),
        (answer(b"x", status="204 No Content"), (502, "address_unreadable")),
        (answer(b"x" * 10, HTML)[:-5], (502, "address_unreadable")),
        (b"<html>no HTTP</html>", (502, "address_unreadable")),
        (
            answer(b"x", HTML, "Content-Encoding: br"),
            (502, "address_unreadable"),
        ),
        (
            answer(b"GIF89a", "Content-Type: image/gif"),
            (415, "document_type_unsupported"),
        ),
        (answer(b"<p>Hi", "Content-Type: application/pdf"), (415, "document_not_read")),
        (answer(b" \n", HTML), (422, "document_empty")),
    ],
    ids=lambda part: getattr(part, "__name__", str(part)[:40]),
)
def test_what_cannot_be_had_is_told_and_leaves_nothing(
    server: Server, owner: Person, bot: Bot, site: Site, *, page: Any, expected: Any
) -> None:
    site.pages["/"] = page

    refused = [
        owner.http.post(
            "/documents/add-url",
            json={"assistant_id": bot.id, "url": site.url()},
            headers={"Accept-Language": language},
        )
        for language in ("en", "pt-BR")
    ]

    assert [error(one) for one in refused] == [expected, expected]
    told = [one.json()["error"]["message"] for one in refused]
    assert told[0] != told[1]
    assert nothing_is_left(server, owner, bot)


def test_the_status_of_a_page_is_told(owner: Person, bot: Bot, site: Site) -> None:
    site.pages["/"] = answer(b"", status="404 Not Found")

    refused = add(owner, bot, site.url()).json()["error"]

    assert refused["http_status"] == 404
    assert refused["message"] == "The address could not be read: HTTP 404."


def test_a_port_where_nobody_listens_is_told(owner: Person, bot: Bot) -> None:
    with Site(GOOD) as gone:
        url = gone.url()

    assert error(add(owner, bot, url)) == (502, "address_unreadable")


def test_a_page_that_comes_too_slowly_is_left(
    server: Server,
    owner: Person,
    bot: Bot,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dripping(client: socket.socket) -> None:
        client.sendall(answer(b"", HTML, length=False))
        pause = threading.Event()
        while True:
            client.sendall(b"x")
            pause.wait(0.05)

    site.pages["/"] = dripping
    monkeypatch.setattr("app.services.knowledge.pages.SECONDS", 0.5)

    refused = add(owner, bot, site.url())

    assert error(refused) == (504, "address_timeout")
    assert nothing_is_left(server, owner, bot)
