"""Other people's exceptions stop here: the driver's become ours."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from app.errors import AppError, StorageFull, StoreUnavailable
from app.repositories.store_time import store_time

log = logging.getLogger(__name__)

REASON_SHOWN = 200  # the driver speaks of servers and locks, never of contents
OUT_OF_DISK_SPACE = 14031  # MongoDB's error codes
DUPLICATE_KEY = 11000

RepositoryClass = TypeVar("RepositoryClass", bound=type)


def store_errors_translated(cls: RepositoryClass) -> RepositoryClass:
    """Make every public method raise our errors in place of the driver's.

    What a repository expects (a duplicate key) it catches itself; what is left
    means that the store cannot be used right now. So does a request's store time
    that is used up.
    """
    for name, member in vars(cls).items():
        if callable(member) and not name.startswith("_"):
            setattr(cls, name, _translating(member))
    return cls


def _translating(method: Callable[..., Any]) -> Callable[..., Any]:
    limit = store_time.get  # looked up here once: every turn goes through ``call``

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        counted = limit()
        if counted is None or counted.running:
            counted = None
        else:
            counted.begin()
        try:
            return method(*args, **kwargs)
        except PyMongoError as exc:
            raise_ours(exc)
            raise
        finally:
            if counted is not None:
                counted.end()

    return call


def raise_ours(exc: PyMongoError) -> None:
    """Raise our error in place of it, unless it is a bug of ours."""
    translated = _translated(exc)
    if translated is not None:
        log.warning("store failed", extra={"reason": str(exc)[:REASON_SHOWN]})
        raise translated from exc


def _translated(exc: PyMongoError) -> AppError | None:
    """Return our error; None for one that is a bug of ours."""
    if isinstance(exc, OperationFailure) and exc.code == OUT_OF_DISK_SPACE:
        return StorageFull()
    if isinstance(exc, ConnectionFailure) or exc.timeout:
        return StoreUnavailable()
    if isinstance(exc, OperationFailure) and exc.has_error_label("RetryableWriteError"):
        return StoreUnavailable()
    return None
