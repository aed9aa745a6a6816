"""Who is calling: access tokens for people, API keys for programs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from apiflask import APIFlask, APIKeyHeaderAuth, HTTPTokenAuth
from flask import current_app, g
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from app.config import Settings
from app.errors import Unauthorized
from app.models.api_key import ApiKey
from app.models.user import User
from app.routes.state import services
from app.services.auth import SignIn

ISSUER = "orquestradora"
AUDIENCE = "orquestradora-console"
LEEWAY = 30
LONGEST_TOKEN = 4096

user_auth = HTTPTokenAuth(name="AccessToken", description="The token of /auth/login")
key_auth = APIKeyHeaderAuth(name="ApiKey", description="An assistant's key")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token of ours says; ``refresh_id`` is in refresh tokens only."""

    user_id: str
    session_id: str
    refresh_id: str | None


def set_up_tokens(app: APIFlask, settings: Settings, keys: dict[str, str]) -> None:
    """Sign with the first of ``keys`` (by name) and accept each of them."""
    current = next(iter(keys))
    app.config |= {
        "JWT_ALGORITHM": "HS256",
        "JWT_DECODE_ALGORITHMS": ["HS256"],
        "JWT_ENCODE_ISSUER": ISSUER,
        "JWT_DECODE_ISSUER": ISSUER,
        "JWT_ENCODE_AUDIENCE": AUDIENCE,
        "JWT_DECODE_AUDIENCE": AUDIENCE,
        "JWT_DECODE_LEEWAY": LEEWAY,
        "JWT_ACCESS_TOKEN_EXPIRES": timedelta(hours=settings.access_token_hours),
        "JWT_REFRESH_TOKEN_EXPIRES": timedelta(days=settings.refresh_token_days),
    }
    manager = JWTManager(app)
    manager.encode_key_loader(lambda _identity: keys[current])
    manager.decode_key_loader(
        lambda header, _payload: keys.get(header.get("kid", ""), keys[current])
    )
    app.extensions["token_key_name"] = current


def issue_tokens(sign_in: SignIn) -> TokenPair:
    headers = {"kid": current_app.extensions["token_key_name"]}
    claims = {"sid": sign_in.session_id}
    life: timedelta = current_app.config["JWT_ACCESS_TOKEN_EXPIRES"]
    return TokenPair(
        token=create_access_token(
            sign_in.user.id, additional_claims=claims, additional_headers=headers
        ),
        refresh_token=create_refresh_token(
            sign_in.user.id,
            additional_claims=claims | {"rid": sign_in.refresh_id},
            additional_headers=headers,
        ),
        expires_in=int(life.total_seconds()),
    )


def read_token(token: str, *, kind: str) -> Claims:
    """Return the claims of an ``access`` or ``refresh`` token.

    Raises Unauthorized for everything that is no such token of ours, in force.
    """
    if len(token) > LONGEST_TOKEN:
        raise Unauthorized
    try:
        payload = decode_token(token)
    except (PyJWTError, JWTExtendedException, ValueError, RecursionError) as exc:
        raise Unauthorized from exc
    user_id, session_id = payload.get("sub"), payload.get("sid")
    refresh_id = payload.get("rid")
    if (
        payload.get("type") != kind
        or not isinstance(user_id, str)
        or not isinstance(session_id, str)
        or isinstance(refresh_id, str) != (kind == "refresh")
    ):
        raise Unauthorized
    return Claims(user_id=user_id, session_id=session_id, refresh_id=refresh_id)


def _find_user(token: str) -> User:
    claims = read_token(token, kind="access")
    g.session_id = claims.session_id
    g.user = services().auth.authenticate(
        user_id=claims.user_id, session_id=claims.session_id
    )
    user: User = g.user
    return user


def _find_key(secret: str) -> ApiKey:
    g.api_key = services().api_keys.authenticate(secret)
    key: ApiKey = g.api_key
    return key


def _refuse(_status: int) -> NoReturn:
    raise Unauthorized


user_auth.verify_token(_find_user)
key_auth.verify_token(_find_key)
for _auth in (user_auth, key_auth):
    _auth.error_handler(_refuse)
