"""`flask …` commands, a file each."""

from apiflask import APIFlask

from app.cli.create_user import create_user
from app.cli.reset_password import reset_password
from app.cli.worker import worker


def register_commands(app: APIFlask) -> None:
    for command in (create_user, reset_password, worker):
        app.cli.add_command(command)
