"""What a route reaches for: the services, and who is calling."""

from flask import current_app, g

from app.models.api_key import ApiKey
from app.models.caller import Caller
from app.models.user import User
from app.wiring import Services


def services() -> Services:
    found: Services = current_app.extensions["services"]
    return found


def current_user() -> User:
    """Return who the access token of this request belongs to."""
    user: User = g.user
    return user


def current_caller() -> Caller:
    """Return who calls a route that takes an access token or an API key."""
    return current_user() if "user" in g else current_key()


def current_key() -> ApiKey:
    """Return the API key of this request."""
    key: ApiKey = g.api_key
    return key
