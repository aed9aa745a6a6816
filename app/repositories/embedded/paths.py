"""Dotted paths: what a document holds there."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from bson import ObjectId

# The plain values, by their exact types: asking an abstract class costs much more.
SCALARS = frozenset({str, int, float, bool, type(None), datetime, ObjectId, bytes})


class _Missing:
    """Stands for a field that is not there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
Path = tuple[str, ...]


@lru_cache(4000)
def split(path: str) -> Path:
    return tuple(path.split("."))


def leaves(document: dict[str, Any], path: Path) -> list[Any]:
    """Return every value a filter on this path looks at.

    Arrays on the way stand for each of their documents; an array at the end is
    returned whole. A path that ends early gives ``MISSING``.
    """
    found: list[Any] = []
    _walk(document, path, 0, found)
    return found


def _walk(holder: dict[str, Any], path: Path, at: int, found: list[Any]) -> None:
    _arrive(holder.get(path[at], MISSING), path, at + 1, found)


def _arrive(value: Any, path: Path, at: int, found: list[Any]) -> None:
    if at == len(path):
        found.append(value)
    elif isinstance(value, dict):
        _walk(value, path, at, found)
    elif isinstance(value, list):
        _enter(value, path, at, found)
    else:
        found.append(MISSING)


def _enter(array: list[Any], path: Path, at: int, found: list[Any]) -> None:
    name = path[at]
    if name.isdigit() and int(name) < len(array):
        _arrive(array[int(name)], path, at + 1, found)
    for element in array:
        if isinstance(element, dict) and (name in element or not name.isdigit()):
            _walk(element, path, at, found)


def index_values(document: dict[str, Any], path: Path) -> tuple[list[Any], bool]:
    """Return the values an index keeps for this path, and whether an array gave them.

    ``MISSING`` stays visible, for sparse indexes; an empty array gives an empty
    list.
    """
    value: Any = document
    for name in path:
        if isinstance(value, list):
            return _spread(leaves(document, path)), True
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    if isinstance(value, list):
        return value, True
    return [value], False


def _spread(found: list[Any]) -> list[Any]:
    spread: list[Any] = []
    for value in found:
        if isinstance(value, list):
            spread += value
        else:
            spread.append(value)
    return spread
