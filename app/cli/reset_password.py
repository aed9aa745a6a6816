import click
from flask import current_app
from flask.cli import with_appcontext
from pydantic import ValidationError

from app.errors import AppError
from app.routes.schemas.auth import PasswordChange
from app.texts import text


@click.command("reset-password")
@click.option("--email", required=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@with_appcontext
def reset_password(email: str, password: str) -> None:
    """Set a user's password; every sign-in of theirs ends."""
    try:
        checked = PasswordChange(current_password="", new_password=password)
    except ValidationError as exc:
        problem = exc.errors(include_input=False)[0]
        raise click.ClickException(f"password: {problem['msg']}") from None
    auth = current_app.extensions["services"].auth
    try:
        user = auth.find_by_email(email)
        if user is None:
            raise click.ClickException(f"no account with the e-mail {email}")
        auth.set_password(user, checked.new_password)
    except AppError as exc:
        raise click.ClickException(text(f"error.{exc.code}")) from exc
    click.echo(f"password of {user.email} set")
