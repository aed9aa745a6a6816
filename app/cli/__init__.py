"""`flask …` commands, a file each."""

from apiflask import APIFlask

from app.cli.create_user import create_user
from app.cli.evaluate_retrieval import evaluate_retrieval
from app.cli.import_documents import import_documents
from app.cli.reindex import reindex
from app.cli.reset_password import reset_password
from app.cli.worker import worker


def register_commands(app: APIFlask) -> None:
    for command in (
        create_user,
        evaluate_retrieval,
        import_documents,
        reindex,
        reset_password,
        worker,
    ):
        app.cli.add_command(command)
