from ipaddress import ip_network
from urllib.parse import urlsplit

from app.config import ConfigurationError, Settings
from app.errors import AddressRefused
from app.fetching.addresses import AddressGuard
from app.fetching.fetch import Fetcher


def build_fetcher(settings: Settings) -> Fetcher:
    """Return the reader of addresses that users give. Raises ConfigurationError."""
    networks = settings.fetch_allowed_networks
    try:
        guard = AddressGuard(
            own_host=_host(settings.public_url) if settings.public_url else None,
            allowed=[ip_network(network, strict=False) for network in networks],
        )
    except (AddressRefused, ValueError):
        raise ConfigurationError("PUBLIC_URL: its host cannot be read") from None
    return Fetcher(guard=guard)


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
