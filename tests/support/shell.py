"""`flask …` commands beside a running server, on the same store."""

from click.testing import Result

from app.cli import register_commands
from app.factory import create_app
from tests.support.running import Server


def run(server: Server, *arguments: object) -> Result:
    """Run a command as a process of its own would."""
    app = create_app(server.settings)
    services = app.extensions["services"]
    services.upkeep.start()
    register_commands(app)
    try:
        result = app.test_cli_runner().invoke(args=[str(one) for one in arguments])
    finally:
        services.close()
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
