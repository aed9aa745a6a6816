"""What commands take from their options."""

import click
from email_validator import EmailNotValidError, validate_email

from app.models.common_passwords import COMMON_PASSWORDS
from app.services.auth import LONGEST_NAME, LONGEST_PASSWORD, SHORTEST_PASSWORD


def checked_email(_context: click.Context, _option: click.Option, value: str) -> str:
    """Raises click.BadParameter."""
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError as exc:
        raise click.BadParameter(str(exc)) from None


def checked_name(
    _context: click.Context, _option: click.Option, value: str | None
) -> str | None:
    """Raises click.BadParameter."""
    if value is not None and not 0 < len(value.strip()) <= LONGEST_NAME:
        raise click.BadParameter(f"1 to {LONGEST_NAME} characters")
    return value


def checked_password(_context: click.Context, _option: click.Option, value: str) -> str:
    """Raises click.BadParameter."""
    if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
        bounds = f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise click.BadParameter(bounds)
    if value.lower() in COMMON_PASSWORDS:
        raise click.BadParameter("a password that is guessed first")
    return value
