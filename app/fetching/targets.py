"""Addresses of the web as people give them, read strictly."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

import idna

from app.errors import AddressRefused
from app.fetching.networks import Address

MOST_CHARACTERS = 2048
MOST_HOST_CHARACTERS = 253  # of a name in the DNS
LOW_PORTS = frozenset({80, 443})
FIRST_FREE_PORT = 1024
SERVICE_PORTS = frozenset(
    (
        *(1080, 1433, 1434, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376),
        *(2377, 2379, 2380, 3128, 3260, 3306, 3389, 3659, 4045, 4190, 4369, 5060),
        *(5061, 5432, 5671, 5672, 5900, 5901, 5984, 5985, 5986, 6000, 6001, 6379),
        *(6380, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001),
        *(7687, 8125, 8200, 8300, 8500, 8883, 9042, 9092, 9160, 9200, 9300, 10080),
        *(10250, 10255, 11211, 15672, 26257, 26379, 27017, 27018, 27019, 28017),
    )
)
"""Of databases, queues, remote control, mail and the like: no web pages."""

_URL = re.compile(r"([a-z][a-z0-9+.-]*):(?://([^/?#]*)([^#]*))?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_PATH_MARKS = "!$%&'()*+,/:;=?@[]~"
_UNSEEN = ("Cc", "Cs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A web address, taken apart.

    ``host`` is a name in ASCII letters, or the text of ``address``; ``path`` is the
    path with the query.
    """

    secure: bool
    host: str
    address: Address | None
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _port(self.secure) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without its fragment."""
        return f"http{'s' if self.secure else ''}://{self.authority}{self.path}"


def parse(url: str) -> Target:
    """Take an address apart. Raises ``AddressRefused``.

    What programs read in different ways is refused rather than guessed: backslashes,
    numbers that are no dotted quad, percent signs in the host.
    """
    url = url.strip()
    parts = _URL.match(url)
    if not parts or len(url) > MOST_CHARACTERS or _has_tricks(url):
        raise AddressRefused("field.address_form")
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    if scheme not in ("http", "https"):
        raise AddressRefused("field.address_scheme")
    if "@" in (authority or ""):
        raise AddressRefused("field.address_credentials")
    named = _AUTHORITY.fullmatch(authority or "")
    if not named:
        raise AddressRefused("field.address_form")
    secure = scheme == "https"
    port = int(named[2] or _port(secure))
    if not _is_read(port):
        raise AddressRefused("field.address_port")
    host, address = read_host(named[1])
    path = quote(rest if rest.startswith("/") else f"/{rest}", safe=_PATH_MARKS)
    return Target(secure=secure, host=host, address=address, port=port, path=path)


def read_host(host: str) -> tuple[str, Address | None]:
    """Return a host in its one form, and its address if it is one.

    Raises ``AddressRefused``.
    """
    try:
        if host.startswith("["):
            return _of(IPv6Address(host[1:-1]))
        name = _name(host)
        return _of(IPv4Address(name)) if _NUMBER.fullmatch(name) else (name, None)
    except ValueError:
        raise AddressRefused("field.address_form") from None


def _of(address: Address) -> tuple[str, Address]:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address), address


def _name(host: str) -> str:
    """Return a name as the DNS knows it; raises ``ValueError``."""
    if len(host) > MOST_HOST_CHARACTERS:
        raise ValueError
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()  # its errors are ValueErrors
    name = host.lower().removesuffix(".")
    if len(name) > MOST_HOST_CHARACTERS or not _NAME.fullmatch(name):
        raise ValueError
    return name


def _port(secure: bool) -> int:  # noqa: FBT001
    return 443 if secure else 80


def _is_read(port: int) -> bool:
    if port < FIRST_FREE_PORT:
        return port in LOW_PORTS
    return port <= 65_535 and port not in SERVICE_PORTS  # noqa: PLR2004


def _has_tricks(url: str) -> bool:
    return "\\" in url or any(unicodedata.category(c) in _UNSEEN for c in url)
