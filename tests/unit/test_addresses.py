"""Which addresses may be read: as they are given, and as their names are looked up."""

import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import AddressRefused
from app.fetching.addresses import AddressGuard, system_resolver
from app.fetching.networks import is_of_this_machine, is_public
from app.fetching.targets import SERVICE_PORTS, parse
from app.http1.connection import Call
from tests.support.fetched import Names

PUBLIC = "93.184.215.14"
NEVER_PUBLIC = [
    "0.0.0.1", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "224.0.0.1", "233.252.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:100.64.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:7f00:1::80ff:fffe", "2001:db8::1", "2002:7f00:1::", "3fff::1",
    "5f00::1", "fd00:ec2::254", "fe80::1%1", "fec0::1", "ff02::1",
]  # fmt: skip
REFUSED = {
    "field.address_form": [
        "",
        "example.com",
        "//example.com",
        "http:/example.com",
        "http:example.com",
        "http://",
        "http:///path",
        "http://:80/",
        "http://.",
        "http://a..com",
        "http://-%61.com/",
        "http://exa mple.com/",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://0177.0.0.1",
        "http://127.0.0.01",
        "http://256.1.1.1",
        "http://1.1.1.1.1",
        "http://[::1",
        "http://::1/",
        "http://[::1]x/",
        "http://[fe80::1%251]/",
        "http://127.0.0.1\\@evil/",
        "http://evil\\.example.com/",
        "http://exam\tple.com",
        "http://example\n.com/",
        "http://example.com/a\r\nX: y",
        "http://example.com:8o/",
        "http://example.com:123456/",
        "http://example.com/" + "a" * 2048,
        "http://" + "a" * 64 + ".com",
        "http://" + "a." * 130 + "com",
        "http://\ud800.com/",
    ],
    "field.address_scheme": [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "data:text/plain,hello",
        "unix:/run/docker.sock",
        "javascript:alert(1)",
    ],
    "field.address_credentials": [
        "http://user@127.0.0.1/",
        "http://user:word@example.com/",
        "http://example.com@127.0.0.1/",
        "http://@example.com/",
    ],
    "field.address_port": [
        *(f"http://example.com:{port}/" for port in (0, 1, 21, 22, 25, 81, 445, 1023)),
        *(f"http://example.com:{port}/" for port in (6379, 9200, 11211, 27017)),
        "http://example.com:65536/",
    ],
    "field.address_own": [
        "https://chat.example.com/",
        "http://CHAT.example.com.:8080/x",
    ],
    "field.address_not_public": [
        "http://0.0.0.0/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST:8080/",
        "http://x.localhost/",
        "http://redis/",
        "http://metadata.google.internal/",
        "http://printer.local/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
    ],
}


def guard(names: Names | None = None, *allowed: str) -> AddressGuard:
    return AddressGuard(
        own_host="chat.example.com",
        allowed=[ip_network(network) for network in allowed],
        resolver=names or Names({}),
    )


def call() -> Call:
    end = time.monotonic() + 5
    return Call(deadline=end, connect_time=5, patience=5, max_bytes=0)


def literal(address: str) -> str:
    bare = address.partition("%")[0]
    return f"http://[{bare}]/" if ":" in bare else f"http://{bare}/"


def why(refused: pytest.ExceptionInfo[AddressRefused]) -> str:
    assert refused.value.status == 422
    return (refused.value.fields or {})["url"]


@pytest.mark.parametrize(
    ("url", "words"), [(url, words) for words, urls in REFUSED.items() for url in urls]
)
def test_an_address_is_refused_as_it_is_given(url: str, words: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        guard().check(url)

    assert why(refused) == words


@pytest.mark.parametrize("address", NEVER_PUBLIC)
def test_an_address_that_is_not_public_is_refused_as_it_is_given(address: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        guard().check(literal(address))

    assert why(refused) == "field.address_not_public"


@pytest.mark.parametrize("address", NEVER_PUBLIC)
def test_a_name_is_refused_that_leads_to_an_address_that_is_not_public(
    address: str,
) -> None:
    guarding = guard(Names({"a.example.com": [address]}))
    target = guarding.check("http://a.example.com/")

    with pytest.raises(AddressRefused) as refused:
        guarding.resolve(target, call())

    assert why(refused) == "field.address_not_public"


@pytest.mark.parametrize(
    "found", [(PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), (PUBLIC, "::1"), ()]
)
def test_a_name_is_refused_that_leads_anywhere_else_as_well_or_nowhere(
    found: tuple[str, ...],
) -> None:
    guarding = guard(Names({"a.example.com": [found]}))

    with pytest.raises(AddressRefused) as refused:
        guarding.resolve(guarding.check("http://a.example.com/"), call())

    assert why(refused) == "field.address_not_public"


def test_a_name_is_vetted_at_each_look_up() -> None:
    guarding = guard(Names({"a.example.com": [PUBLIC, "127.0.0.1"]}))
    target = guarding.check("http://a.example.com/")

    assert guarding.resolve(target, call()) == [ip_address(PUBLIC)]
    with pytest.raises(AddressRefused):
        guarding.resolve(target, call())


@pytest.mark.parametrize(
    ("url", "read_as"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        (" http://example.com./a/../b ", "http://example.com/a/../b"),
        ("https://example.com:443?q=1#top", "https://example.com/?q=1"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        (
            "https://straße.de/ä b?ç=%20",
            "https://xn--strae-oqa.de/%C3%A4%20b?%C3%A7=%20",
        ),
        ("http://93.184.215.14/", "http://93.184.215.14/"),
        ("http://[2606:4700:0::1111]:8443/", "http://[2606:4700::1111]:8443/"),
        ("http://[::ffff:93.184.215.14]/", "http://93.184.215.14/"),
        ("http://[64:ff9b::5db8:d70e]/", "http://[64:ff9b::5db8:d70e]/"),
        ("http://example.com/a@b:c", "http://example.com/a@b:c"),
    ],
)
def test_an_address_of_the_public_internet_is_read(url: str, read_as: str) -> None:
    assert guard().check(url).url == read_as


def test_no_port_of_the_list_is_one_that_systems_give_out_at_random() -> None:
    assert max(SERVICE_PORTS) < 32_768


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3:9090/", "http://[::ffff:10.1.2.3]/", "http://wiki/"]
)
def test_a_network_that_is_allowed_is_read(url: str) -> None:
    guarding = guard(Names({"wiki": ["10.1.2.3"]}), "10.1.0.0/16")

    found = guarding.resolve(guarding.check(url), call())

    assert found == [ip_address("10.1.2.3")]


@pytest.mark.parametrize("around", ["64:ff9b::a01:203", "::ffff:10.1.2.3"])
def test_a_network_that_is_allowed_is_read_through_ipv6(around: str) -> None:
    guarding = guard(Names({"wiki": [around]}), "10.1.0.0/16")

    found = guarding.resolve(guarding.check("http://wiki/"), call())

    assert found == [ip_address(around)]


@pytest.mark.parametrize(
    "url",
    [
        "http://10.2.0.1/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://169.254.169.254/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
    ],
)
def test_what_is_not_allowed_and_the_clouds_secrets_stay_closed(url: str) -> None:
    names = Names({"localhost": ["127.0.0.1"]})
    open_to = ("10.1.0.0/16", "169.254.0.0/16", "fd00::/8", "100.64.0.0/10")
    guarding = guard(names, *open_to)

    with pytest.raises(AddressRefused):
        guarding.resolve(guarding.check(url), call())


def test_a_public_address_of_this_very_machine_is_not_read() -> None:
    own = ip_address(PUBLIC)
    guarding = AddressGuard(
        resolver=Names({"a.example.com": [PUBLIC]}), is_own=own.__eq__
    )

    with pytest.raises(AddressRefused):
        guarding.check(f"http://{PUBLIC}/")
    with pytest.raises(AddressRefused):
        guarding.resolve(guarding.check("http://a.example.com/"), call())


def test_the_system_looks_names_up() -> None:
    found = system_resolver("localhost", call())

    assert found
    assert all(address.is_loopback for address in found)


def test_the_system_knows_which_addresses_are_its_own() -> None:
    assert is_of_this_machine(ip_address("127.0.0.1"))
    assert not is_of_this_machine(ip_address("192.0.2.1"))
    assert not is_of_this_machine(ip_address("2001:db8::1"))


@given(st.ip_addresses(v=4))
def test_an_address_around_another_is_as_public_as_that(inner: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        around = IPv6Address(int(IPv6Address(prefix)) | int(inner))
        assert is_public(around) == is_public(inner)


HOSTS = st.text("aB1.:[]@%\\/x0７。-_ ", max_size=12)


@given(st.text(max_size=20) | HOSTS, st.text(max_size=20))
def test_whatever_is_given_is_refused_or_read_in_one_way(host: str, rest: str) -> None:
    try:
        target = parse(f"http://{host}/{rest}")
    except AddressRefused:
        return

    assert parse(target.url) == target
    parts = urlsplit(target.url)
    assert parts.hostname == target.host
    assert (parts.port or 80) == target.port
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
