"""Which addresses may be read, when they are saved and again when they are read."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

from app.errors import AddressRefused
from app.fetching.networks import (
    Address,
    Network,
    is_metadata,
    is_of_this_machine,
    is_public,
    unwrapped,
)
from app.fetching.targets import Target, parse, read_host
from app.http1.connection import Call
from app.http1.dialing import look_up

LOCAL_NAMES = frozenset(
    (
        *("alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid"),
        *("lan", "local", "localdomain", "localhost", "onion", "private", "test"),
    )
)
"""Last parts of names that no host on the public internet has."""

Resolver = Callable[[str, Call], Sequence[Address]]


def system_resolver(host: str, call: Call) -> list[Address]:
    """Ask the system; nothing: there is no such host. Raises ``TimedOut``."""
    return [ip_address(found[4][0]) for found in look_up(host, 0, call)]


class AddressGuard:
    """Lets addresses of the public internet pass, and of networks that are allowed.

    ``own_host`` is our public name, which is never read.
    """

    def __init__(
        self,
        *,
        own_host: str | None = None,
        allowed: Iterable[Network] = (),
        resolver: Resolver = system_resolver,
        is_own: Callable[[Address], bool] = is_of_this_machine,
    ) -> None:
        self._own_host = own_host and read_host(own_host)[0]
        self._allowed = tuple(allowed)
        self._resolve = resolver
        self._is_own = is_own

    def check(self, url: str) -> Target:
        """Vet an address as it is given; a name is not looked up yet.

        Raises ``AddressRefused``.
        """
        target = parse(url)
        if target.host == self._own_host:
            raise AddressRefused("field.address_own")
        if target.address:
            self._vet([target.address])
        elif not self._allowed and _is_local(target.host):
            raise AddressRefused("field.address_not_public")
        return target

    def resolve(self, target: Target, call: Call) -> list[Address]:
        """Return the addresses that may be connected to.

        Whoever connects uses these and does not look the name up again: it might
        lead elsewhere then. A name of which one address is not public has none to
        offer; that it does not exist is told in the same words, so that nobody learns
        the names of our network. Raises ``AddressRefused`` and ``TimedOut``.
        """
        addresses = [target.address] if target.address else []
        return self._vet(addresses or self._resolve(target.host, call))

    def _vet(self, addresses: Sequence[Address]) -> list[Address]:
        if not addresses or not all(map(self._may_read, addresses)):
            raise AddressRefused("field.address_not_public")
        return list(addresses)

    def _may_read(self, address: Address) -> bool:
        if is_metadata(address):
            return False
        inner = unwrapped(address)
        if any(inner in network for network in self._allowed):
            return True
        return is_public(address) and not self._is_own(inner)


def _is_local(name: str) -> bool:
    _, dot, last = name.rpartition(".")
    return not dot or last in LOCAL_NAMES
