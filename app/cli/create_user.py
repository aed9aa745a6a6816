import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.checks import checked_email, checked_name, checked_password
from app.errors import AppError
from app.models.user import UserRole
from app.texts import text


@click.command("create-user")
@click.option("--email", required=True, callback=checked_email)
@click.option(
    "--name", callback=checked_name, help="Absent: the first part of the e-mail"
)
@click.option(
    "--role",
    type=click.Choice([role.value for role in UserRole]),
    default=UserRole.MEMBER.value,
    show_default=True,
)
@click.password_option(callback=checked_password)
@with_appcontext
def create_user(email: str, name: str | None, role: str, password: str) -> None:
    """Create an account, whatever the setting REGISTRATION says."""
    try:
        user = current_app.extensions["services"].auth.create(
            name=name or email.partition("@")[0],
            email=email,
            password=password,
            role=UserRole(role),
        )
    except AppError as exc:
        raise click.ClickException(text(f"error.{exc.code}")) from exc
    click.echo(f"{user.role} {user.email} created")
