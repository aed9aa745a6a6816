"""A server's data seen from elsewhere: a second server, and the bare store."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from app.repositories.database import AnyDatabase, connect_embedded, connect_mongodb
from tests.support.running import Server, running


def second_server(server: Server, folder: Path) -> AbstractContextManager[Server]:
    """Serve the same data again; what is made for it lies in ``folder``."""
    settings = server.settings
    return running(
        folder,
        data_dir=settings.data_dir,
        documents_dir=settings.documents_dir,
        mongodb_uri=settings.mongodb_uri,
        secret_key=settings.secret_key,
    )


@contextmanager
def bare_store(server: Server) -> Iterator[AnyDatabase]:
    """Open the server's database, to look at it or to change it by hand."""
    uri = server.settings.mongodb_uri
    if uri is None:
        embedded, db = connect_embedded(server.settings.data_dir)
        yield db
        embedded.close()
        return
    client, db = connect_mongodb(uri.get_secret_value())
    yield db
    client.close()
