"""Clients of servers on this machine."""

import ssl
from typing import Any

import httpx2

# A client that makes its own reads all of the system's certificates.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_of(
    base_url: str = "",
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 30,
    **how: Any,
) -> httpx2.Client:
    return httpx2.Client(
        base_url=base_url,
        headers=headers,
        timeout=timeout,
        verify=TRUSTS_NOBODY,
        **how,
    )
