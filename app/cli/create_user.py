import click
from flask import current_app
from flask.cli import with_appcontext
from pydantic import ValidationError

from app.errors import AppError
from app.models.user import UserRole
from app.routes.schemas.auth import Registration
from app.texts import text


@click.command("create-user")
@click.option("--email", required=True)
@click.option("--name", help="Full name; absent: the e-mail's first part")
@click.option(
    "--role",
    type=click.Choice([role.value for role in UserRole]),
    default=UserRole.MEMBER.value,
    show_default=True,
)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@with_appcontext
def create_user(email: str, name: str | None, role: str, password: str) -> None:
    """Create an account, whatever the setting REGISTRATION says."""
    try:
        checked = Registration(
            name=name or email.partition("@")[0], email=email, password=password
        )
    except ValidationError as exc:
        problem = exc.errors(include_input=False)[0]
        message = f"{problem['loc'][0]}: {problem['msg']}"
        raise click.ClickException(message) from None
    auth = current_app.extensions["services"].auth
    try:
        user = auth.create(
            name=checked.name,
            email=checked.email,
            password=checked.password,
            role=UserRole(role),
        )
    except AppError as exc:
        raise click.ClickException(text(f"error.{exc.code}")) from exc
    click.echo(f"{user.role} {user.email} created")
