"""Who is calling: access tokens for people, API keys for programs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from apiflask import (
    APIFlask,
    APIKeyHeaderAuth,
    APIKeyQueryAuth,
    HTTPTokenAuth,
    MultiAuth,
)
from flask import current_app, g, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from app.config import Settings
from app.errors import ScopeMissing, Unauthorized
from app.models.api_key import ApiKey, KeyScope
from app.models.user import User
from app.routes.state import services
from app.services.auth import SignIn

ISSUER = "orquestradora"
AUDIENCE = "orquestradora-console"
LEEWAY = 30
LONGEST_TOKEN = 4096


class AccessTokenAuth(HTTPTokenAuth):
    """A person's access token.

    Where a key would do as well, a request with an ``Authorization`` header is judged
    by that header alone, whatever it holds.
    """

    def __init__(self) -> None:
        super().__init__(name="AccessToken", description="The token of /auth/login")
        self.verify_token(_find_user)
        self.error_handler(_refuse)

    def is_compatible_auth(self, _headers: object) -> bool:
        return "Authorization" in request.headers


class KeyAuth(APIKeyHeaderAuth):
    """An assistant's key that has one of the scopes; ScopeMissing for one without."""

    def __init__(self, *scopes: KeyScope) -> None:
        super().__init__(name="ApiKey", description="An assistant's key")
        self._scopes = scopes
        self.verify_token(self._find_key)
        self.error_handler(_refuse)

    def _find_key(self, secret: str) -> ApiKey:
        key = services().api_keys.authenticate(secret)
        if not set(self._scopes) & set(key.scopes):
            raise ScopeMissing(expected=", ".join(self._scopes))
        g.api_key = key
        return key


class TicketAuth(APIKeyQueryAuth):
    """A single-use ticket in the address, where no header can be set."""

    def __init__(self) -> None:
        super().__init__(
            name="Ticket", param_name="ticket", description="From /auth/ticket, once"
        )
        self.verify_token(_find_ticket_user)
        self.error_handler(_refuse)


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
    return _signed_in(claims.user_id, claims.session_id)


def _find_ticket_user(secret: str) -> User:
    ticket = services().tickets.redeem(secret)
    return _signed_in(ticket.user_id, ticket.session_id)


def _signed_in(user_id: str, session_id: str) -> User:
    user = services().auth.authenticate(user_id=user_id, session_id=session_id)
    g.session_id, g.user = session_id, user
    return user


def _refuse(_status: int) -> NoReturn:
    raise Unauthorized


user_auth = AccessTokenAuth()
key_auth = KeyAuth(KeyScope.CHAT)
reading_auth = MultiAuth(user_auth, KeyAuth(KeyScope.READ))
bot_reading_auth = MultiAuth(user_auth, KeyAuth(KeyScope.READ, KeyScope.CHAT))
documents_auth = MultiAuth(user_auth, KeyAuth(KeyScope.DOCUMENTS))
events_auth = MultiAuth(user_auth, TicketAuth())
