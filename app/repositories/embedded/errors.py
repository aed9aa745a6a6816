"""What can go wrong, in pymongo's own words."""

import errno
import os
from collections.abc import Mapping
from typing import Any

import apsw
from pymongo.errors import (
    AutoReconnect,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    WriteError,
)

OUT_OF_DISK_SPACE = 14031
_LOW_SPACE = 64 * 1024


class StoreUnavailable(AutoReconnect):
    """The store is locked, gone or refuses to sync; trying again may help."""


class StoreUnreadable(PyMongoError):
    """The file is damaged or is no store of ours; trying again will not help."""


def unsupported(what: str) -> NotImplementedError:
    return NotImplementedError(f"the embedded store does not support {what}")


def refuse_options(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise unsupported(f"the option '{name}'")


def bad_value(message: str) -> OperationFailure:
    return OperationFailure(message, 2, {"code": 2, "errmsg": message})


def write_error(code: int, message: str) -> WriteError:
    return WriteError(message, code, {"index": 0, "code": code, "errmsg": message})


def duplicate_key(
    namespace: str, index: str, pattern: dict[str, Any], values: dict[str, Any]
) -> DuplicateKeyError:
    shown = ", ".join(f"{field}: {value!r}" for field, value in values.items())
    message = (
        f"E11000 duplicate key error collection: {namespace}"
        f" index: {index} dup key: {{ {shown} }}"
    )
    return DuplicateKeyError(
        message,
        11000,
        {
            "index": 0,
            "code": 11000,
            "errmsg": message,
            "keyPattern": pattern,
            "keyValue": values,
        },
    )


def disk_full(path: str) -> OperationFailure:
    message = f"no space left on the disk that holds {os.path.basename(path)}"  # noqa: PTH119
    return OperationFailure(
        message, OUT_OF_DISK_SPACE, {"code": OUT_OF_DISK_SPACE, "errmsg": message}
    )


def from_sqlite(error: apsw.Error, path: str) -> PyMongoError:
    """Translate what SQLite said, looking at the disk when it is vague."""
    if isinstance(error, apsw.FullError):
        return disk_full(path)
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return StoreUnavailable("the store is locked by another program")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return StoreUnreadable(f"the store is damaged: {error}")
    if isinstance(error, (apsw.IOError, apsw.CantOpenError)) and _space_is_low(path):
        return disk_full(path)
    return StoreUnavailable(f"the store cannot be used now: {error}")


def from_os(error: OSError, path: str) -> PyMongoError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(path)
    return StoreUnavailable(f"the store cannot be used now: {error.strerror}")


def _space_is_low(path: str) -> bool:
    try:
        disk = os.statvfs(os.path.dirname(path))  # noqa: PTH120
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _LOW_SPACE
