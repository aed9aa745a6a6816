"""A place in a document that an update writes to."""

from collections.abc import Mapping
from typing import Any, Literal, overload

from bson.decimal128 import Decimal128

from .errors import unsupported, write_error
from .paths import MISSING, SCALARS, Path

_NOT_VIABLE = 28
_LONGEST_PADDING = 1_500_000


class Place:
    """The last step of a path: a field of a document or an element of an array."""

    __slots__ = ("_holder", "_name")

    def __init__(self, holder: dict[str, Any] | list[Any], name: str) -> None:
        self._holder = holder
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def get(self) -> Any:
        if isinstance(self._holder, dict):
            return self._holder.get(self._name, MISSING)
        at = int(self._name)
        return self._holder[at] if at < len(self._holder) else MISSING

    def put(self, value: Any) -> None:
        if isinstance(self._holder, dict):
            self._holder[self._name] = value
            return
        at = int(self._name)
        if at - len(self._holder) > _LONGEST_PADDING:
            raise write_error(_NOT_VIABLE, "can't backfill more than 1500000 elements")
        self._holder += [None] * (at + 1 - len(self._holder))
        self._holder[at] = value

    def remove(self) -> None:
        """Drop a field; an element of an array becomes null, to keep the others."""
        if isinstance(self._holder, dict):
            self._holder.pop(self._name, None)
        elif int(self._name) < len(self._holder):
            self._holder[int(self._name)] = None


@overload
def writable_place(
    document: dict[str, Any], path: Path, *, create: Literal[True] = True
) -> Place: ...
@overload
def writable_place(
    document: dict[str, Any], path: Path, *, create: Literal[False]
) -> Place | None: ...
def writable_place(
    document: dict[str, Any], path: Path, *, create: bool = True
) -> Place | None:
    """Walk to the place, making what is missing on the way.

    Without ``create``, None when the way ends early.
    """
    holder: Any = document
    for name in path[:-1]:
        place = _place(holder, name, create=create)
        value = MISSING if place is None else place.get()
        if value is MISSING:
            if place is None or not create:
                return None
            value = {}
            place.put(value)
        holder = value
    return _place(holder, path[-1], create=create)


def _place(holder: Any, name: str, *, create: bool) -> Place | None:
    if isinstance(holder, dict) or (isinstance(holder, list) and name.isdigit()):
        return Place(holder, name)
    if create:
        raise write_error(
            _NOT_VIABLE, f"Cannot create field '{name}' in element {{{holder!r}}}"
        )
    return None


def shown(path: Path) -> str:
    return ".".join(path)


def copied(value: Any) -> Any:
    """Copy containers, so that a stored document shares nothing with its maker.

    What is given may be any mapping or sequence; what is kept is a dict or a list.
    """
    if type(value) in SCALARS:
        return value
    if type(value) is dict or isinstance(value, Mapping):
        return {
            name: inner if type(inner) in SCALARS else copied(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [copied(inner) for inner in value]
    if isinstance(value, Decimal128):
        raise unsupported("Decimal128")
    return value
