"""Tokens as an attacker makes them, and as we do."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt

from tests.support.running import Server


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signing_key(server: Server) -> tuple[str, str]:
    """Return the name and the value of the key that this server signs with."""
    return next(iter(server.services.keyring.token_keys().items()))


def resigned(server: Server, token: str, **changes: Any) -> str:
    """Return ``token`` with other claims (None: without it), signed by the server."""
    claims = claims_of(token) | changes
    name, key = signing_key(server)
    kept = {claim: value for claim, value in claims.items() if value is not None}
    return jwt.encode(kept, key, "HS256", headers={"kid": name})


def expired(server: Server, token: str) -> str:
    past = int(time.time()) - 3600
    return resigned(server, token, iat=past - 60, nbf=past - 60, exp=past)


def assembled(header: Any, payload: Any, key: str | bytes = b"", *more: str) -> str:
    """Put a token together; bytes are taken as they are, the rest as JSON."""
    signed = f"{_part(header)}.{_part(payload)}"
    secret = key.encode() if isinstance(key, str) else key
    mac = hmac.digest(secret, signed.encode(), hashlib.sha256) if secret else b""
    return ".".join([signed, _encoded(mac), *more])


def _part(value: Any) -> str:
    return _encoded(value if isinstance(value, bytes) else json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
