"""Reading addresses: what comes back, and where redirects and names may lead."""

import gzip
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.x509 import DNSName

from app.config import ConfigurationError, Settings
from app.errors import AddressRefused, AddressUnreadable
from app.fetching.fetch import Fetcher
from app.wiring.fetching import build_fetcher
from tests.support.certificates import write_certificate
from tests.support.fetched import (
    GOOD,
    HOME,
    Names,
    Site,
    answer,
    leading_to,
    read,
    reader,
)

NAME = "docs.example.com"
PAGE = answer("<p>Olá".encode(), "Content-Type: text/html; charset=UTF-8")
LEADING_HOME = [
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@127.0.0.2/",
    "http://１２７.0.0.1:{port}/",
    "http://home.example.com:{port}/",
    "http://chat.example.com:{port}/",
    "http://[",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(GOOD) as site:
        site.pages["/"] = PAGE
        yield site


@pytest.fixture
def canary() -> Iterator[Site]:
    with Site(HOME) as canary:
        yield canary
        assert canary.connections == 0


def failure(url: str, fetcher: Fetcher | None = None) -> AddressUnreadable:
    with pytest.raises(AddressUnreadable) as failed:
        read(url, fetcher)
    assert failed.value.status == 502
    return failed.value


def test_a_page_comes_with_its_type_and_its_place(site: Site) -> None:
    found = read(site.url("/#top"))

    assert found.data.decode() == "<p>Olá"
    assert (found.content_type, found.charset) == ("text/html", "utf-8")
    assert found.final_url == site.url()


def test_the_request_says_who_asks_and_nothing_else(site: Site) -> None:
    read(site.url())

    first, *headers = site.heads[0].splitlines()
    assert first == "GET / HTTP/1.1"
    assert headers == [
        f"Host: {GOOD}:{site.port}",
        "User-Agent: Orquestradora",
        "Accept: text/html",
        "Accept-Encoding: gzip, deflate",
        "Connection: close",
        "",
    ]


@pytest.mark.parametrize(
    ("page", "data"),
    [
        (answer(b""), b""),
        (answer(b"to the end", length=False), b"to the end"),
        (
            answer(b"2\r\nin\r\n3\r\n 2 \r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False),
            b"in 2 ",
        ),
        (answer(gzip.compress(b"small", mtime=0), "Content-Encoding: gzip"), b"small"),
        (answer(gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0) + b"\0", "Content-Encoding: X-GZIP"), b"ab"),
        (answer(zlib.compress(b"flat"), "Content-Encoding: deflate"), b"flat"),
        (answer(b"", "Content-Encoding: gzip"), b""),
        (answer(b"plain", "Content-Encoding: identity"), b"plain"),
    ],
)  # fmt: skip
def test_a_body_is_read_however_it_comes(site: Site, page: bytes, data: bytes) -> None:
    site.pages["/"] = page

    assert read(site.url()).data == data


@pytest.mark.parametrize(
    ("header", "kind", "charset"),
    [
        ("", None, None),
        ("text/plain", "text/plain", None),
        ("TEXT/HTML;Charset='Latin-1'", "text/html", "latin-1"),
        ('text/html; a=b; charset="utf-16"', "text/html", "utf-16"),
        ("text/html; charset=klingon", "text/html", None),
        ("text/html; charset=zlib", "text/html", None),
        ("text/html; charset=", "text/html", None),
        ("html", None, None),
        ("text/html, text/plain", None, None),
    ],
)
def test_a_content_type_is_told_if_it_makes_sense(
    site: Site, header: str, kind: str | None, charset: str | None
) -> None:
    site.pages["/"] = answer(b"x", *([f"Content-Type: {header}"] if header else []))

    found = read(site.url())

    assert (found.content_type, found.charset) == (kind, charset)


def test_three_redirects_are_followed_and_a_fourth_is_not(site: Site) -> None:
    for number in range(10):
        site.pages[f"/{number}"] = leading_to(f"{number + 1}?x=é")
        site.pages[f"/{number}?x=%C3%A9"] = leading_to(f"/{number + 1}")
    site.pages["/4?x=%C3%A9"] = PAGE

    assert read(site.url("/1")).final_url == site.url("/4?x=%C3%A9")
    assert failure(site.url("/0")).details["reason"] == "reason.address_redirects"
    assert len(site.heads) == 4 + 4


def test_a_redirect_to_another_host_is_asked_there(site: Site) -> None:
    with Site(GOOD) as other:
        other.pages["/"] = PAGE
        site.pages["/away"] = leading_to(other.url())

        assert read(site.url("/away")).final_url == other.url()
        assert f"Host: {GOOD}:{other.port}" in other.heads[0]


def test_cookies_are_not_kept(site: Site) -> None:
    site.pages["/away"] = leading_to("/").replace(
        b"\r\n", b"\r\nSet-Cookie: a=b\r\n", 1
    )

    read(site.url("/away"))

    assert "cookie" not in site.heads[1].lower()


@pytest.mark.parametrize("place", LEADING_HOME)
def test_no_redirect_leads_into_our_network(
    site: Site, canary: Site, place: str
) -> None:
    site.pages["/away"] = leading_to(place.format(port=canary.port))
    names = Names(
        {
            "localhost": [HOME],
            "home.example.com": [(GOOD, HOME)],
            "chat.example.com": [GOOD],
        }
    )

    with pytest.raises(AddressRefused):
        read(site.url("/away"), reader(names))


def test_the_address_that_was_vetted_is_the_one_that_is_asked(
    site: Site, canary: Site
) -> None:
    names = Names({NAME: [GOOD, HOME]})
    url = site.url("/", NAME)

    assert read(url, reader(names)).final_url == url
    assert names.asked == [NAME]
    assert f"Host: {NAME}:{site.port}" in site.heads[0]


def test_a_name_that_leads_elsewhere_after_a_redirect_is_refused(canary: Site) -> None:
    names = Names({NAME: [GOOD, HOME]})
    with Site(GOOD) as site:
        site.pages["/"] = leading_to(canary.url("/", NAME))

        with pytest.raises(AddressRefused):
            read(site.url("/", NAME), reader(names))


@pytest.mark.parametrize(
    "status", ["204 No", "206 Part", "304 Old", "404 No", "500 No"]
)
def test_a_status_other_than_200_is_told(site: Site, status: str) -> None:
    site.pages["/"] = answer(b"", status=status)

    details = failure(site.url()).details

    assert details == {"reason": f"HTTP {status[:3]}", "http_status": int(status[:3])}


def test_a_redirect_that_says_nowhere_is_told_as_its_status(site: Site) -> None:
    site.pages["/"] = answer(b"", status="302 Found")

    assert failure(site.url()).details["http_status"] == 302


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Site, Fetcher]]:
    """A site for NAME alone, and a reader that trusts its certificate."""
    certificate = write_certificate(tmp_path / "site.pem", DNSName(NAME))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names = Names({NAME: [GOOD], "other.example.com": [GOOD]})

    def trusting() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=certificate)

    with Site(GOOD, tls=context) as site:
        site.pages["/"] = PAGE
        yield site, reader(names, tls=trusting)


def test_a_certificate_is_checked_for_the_name(secure: tuple[Site, Fetcher]) -> None:
    site, fetcher = secure
    asked: list[str] = []
    site.on_name(asked.append)

    assert read(site.url("/", NAME), fetcher).data
    failed = failure(site.url("/", "other.example.com"), fetcher)

    assert failed.details["reason"] == "reason.address_certificate"
    assert asked == [NAME, "other.example.com"]
    assert len(site.heads) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(
    secure: tuple[Site, Fetcher],
) -> None:
    site, _ = secure

    failed = failure(site.url("/", NAME), reader(Names({NAME: [GOOD]})))

    assert failed.details["reason"] == "reason.address_certificate"
    assert not site.heads


def test_the_settings_say_what_is_allowed_and_what_is_our_own(site: Site) -> None:
    made = Settings(
        _env_file=None,
        public_url="https://Chat.example.com/app",
        fetch_allowed_networks=(GOOD,),
    )
    fetcher = build_fetcher(made)

    assert read(site.url(), fetcher).data
    with pytest.raises(AddressRefused):
        read("http://chat.example.com/", fetcher)
    with pytest.raises(AddressRefused):
        read(site.url(), build_fetcher(Settings(_env_file=None)))


@pytest.mark.parametrize("url", ["http://a..b/", "http://[::1/"])
def test_a_public_address_that_cannot_be_read_ends_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PUBLIC_URL: "):
        build_fetcher(Settings(_env_file=None, public_url=url))
