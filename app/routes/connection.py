"""The connection of the request that is being answered."""

from collections.abc import Callable

from flask import request


def client_gone() -> Callable[[], bool]:
    """Return what tells whether the client has closed it, also outside this request.

    Waitress looks for that where it may read ahead of the answer, as our server does;
    where the server cannot say, the client has stayed.
    """
    gone: Callable[[], bool] | None = request.environ.get(
        "waitress.client_disconnected"
    )
    return gone or (lambda: False)
