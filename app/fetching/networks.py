"""Which IP addresses are of the public internet."""

import socket
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_UNICAST = IPv6Network("2000::/3")  # all that IANA gives out
_NAT64 = IPv6Network("64:ff9b::/96")
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # of protocols; a cloud's metadata as well
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # of protocols, with Teredo
        "2002::/16",  # 6to4
        "3fff::/20",  # for documentation
    )
)
_METADATA = frozenset(
    ip_address(address)
    for address in (
        "100.100.100.200",
        "168.63.129.16",
        "169.254.0.23",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that a mapped or NAT64 address leads to."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_metadata(address: Address) -> bool:
    """Whether a cloud tells its machines their secrets there."""
    return unwrapped(address) in _METADATA


def is_public(address: Address) -> bool:
    """Whether ``address``, or the IPv4 address within, is of the public internet."""
    address = unwrapped(address)
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _SPECIAL)
    )


def is_of_this_machine(address: Address) -> bool:
    """Whether connections to ``address`` end here; asking the system sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((str(address), 9))
            return ip_address(sock.getsockname()[0]) == address
    except OSError:
        return False  # there is no way to it
