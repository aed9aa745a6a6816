import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.checks import checked_password
from app.errors import AppError
from app.texts import text


@click.command("reset-password")
@click.option("--email", required=True)
@click.password_option(callback=checked_password)
@with_appcontext
def reset_password(email: str, password: str) -> None:
    """Set a user's password; every sign-in of theirs ends."""
    auth = current_app.extensions["services"].auth
    try:
        user = auth.find_by_email(email)
        if user is None:
            raise click.ClickException(f"no account with the e-mail {email}")
        auth.set_password(user, password)
    except AppError as exc:
        raise click.ClickException(text(f"error.{exc.code}")) from exc
    click.echo(f"password of {user.email} set")
