"""MongoDB's update operators, applied to a document of our own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .arrays import add_to_set, pull, push
from .errors import unsupported, write_error
from .filters import clauses, element_test, is_operators
from .keys import encode, same
from .paths import MISSING, Path, leaves, split
from .places import Place, copied, shown, writable_place

_CONFLICT = 40
_IMMUTABLE = 66
_TYPE_MISMATCH = 14
_BAD_VALUE = 2
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Shape:
    """Which operators on which paths: the same for many updates."""

    steps: tuple[tuple[str, Path], ...]
    roots: frozenset[str]
    touched: frozenset[str]  # the roots that change when a document is there
    positional: Path | None  # the path before a ``$``


@dataclass(slots=True)
class Update:
    """Parsed operators: which, on which path, with what."""

    shape: Shape
    operands: list[Any]

    def apply(
        self, document: dict[str, Any], *, inserting: bool, matched: int | None = None
    ) -> None:
        """Change the document in place; it must be the caller's own."""
        shape = self.shape
        identity = document.get("_id", MISSING)
        for (operator, path), operand in zip(shape.steps, self.operands, strict=True):
            if operator == "$setOnInsert" and not inserting:
                continue
            if shape.positional is not None and "$" in path:
                path = self._placed(path, matched)  # noqa: PLW2901
            _OPERATORS[operator](document, path, operand)
        if "_id" not in shape.roots or identity is MISSING:
            return
        if "_id" not in document or not same(document["_id"], identity):
            raise write_error(
                _IMMUTABLE,
                "Performing an update on the path '_id' would modify the immutable"
                " field '_id'",
            )

    @staticmethod
    def _placed(path: Path, matched: int | None) -> Path:
        if matched is None:
            raise write_error(
                _BAD_VALUE,
                "The positional operator did not find the match needed from the query.",
            )
        return tuple(str(matched) if name == "$" else name for name in path)


def parse_update(update: Any) -> Update:
    if isinstance(update, list):
        raise unsupported("updates by a pipeline")
    if type(update) is not dict and not isinstance(update, Mapping):
        raise TypeError("update must be an instance of dict")
    if not update or not is_operators(update):
        raise ValueError("update only works with $ operators")
    names: list[tuple[str, str]] = []
    operands: list[Any] = []
    for operator, fields in update.items():
        if operator not in _OPERATORS:
            raise unsupported(f"the update operator '{operator}'")
        if type(fields) is not dict and not isinstance(fields, Mapping):
            raise write_error(9, f"Modifiers operate on fields: {operator}")
        for name, operand in fields.items():
            names.append((operator, name))
            operands.append(operand)
    return Update(_shape(tuple(names)), operands)


@lru_cache(2000)
def _shape(names: tuple[tuple[str, str], ...]) -> Shape:
    steps = tuple([(operator, split(name)) for operator, name in names])
    paths = [path for _, path in steps]
    _check_paths(paths)
    positional = next((path for path in paths if "$" in path), None)
    return Shape(
        steps,
        frozenset(path[0] for path in paths),
        frozenset(path[0] for operator, path in steps if operator != "$setOnInsert"),
        positional[: positional.index("$")] if positional else None,
    )


def _check_paths(paths: list[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if not all(path):
            raise write_error(
                56, f"The update path '{'.'.join(path)}' has an empty name"
            )
        if any(name.startswith("$[") for name in path):
            raise unsupported("the positional operators '$[]' and '$[name]'")
        if any(name.startswith("$") and name != "$" for name in path):
            raise write_error(52, f"The dollar prefixed field in '{'.'.join(path)}'")
        if path.count("$") > 1:
            raise write_error(_BAD_VALUE, "Too many positional elements in the path")
        seen.add(path)
    if len(seen) == len(paths) and not any(
        path[:length] in seen for path in paths for length in range(1, len(path))
    ):
        return
    for number, path in enumerate(paths):
        for other in paths[number + 1 :]:
            short = min(len(path), len(other))
            if path[:short] == other[:short]:
                raise write_error(
                    _CONFLICT,
                    f"Updating the path '{'.'.join(other)}' would create a conflict"
                    f" at '{'.'.join(path[:short])}'",
                )


def matched_element(
    positional: Path, condition: Mapping[str, Any], document: dict[str, Any]
) -> int | None:
    """Return which element of the array the filter matched first."""
    prefix = ".".join(positional)
    tests: list[Callable[[Any], bool]] = []
    for name, wanted in clauses(condition):
        if name == prefix:
            if isinstance(wanted, Mapping) and "$elemMatch" in wanted:
                tests.append(element_test(wanted["$elemMatch"]))
            elif is_operators(wanted):
                tests.append(element_test(wanted))
            else:
                tests.append(element_test({"$eq": wanted}))
        elif name.startswith(f"{prefix}."):
            tests.append(element_test({name[len(prefix) + 1 :]: wanted}))
    for array in leaves(document, positional):
        if isinstance(array, list) and tests:
            return _first(array, tests)
    return None


def _first(array: list[Any], tests: list[Callable[[Any], bool]]) -> int | None:
    for wanted in (tests, tests[:1]):
        for number, element in enumerate(array):
            if all(test(element) for test in wanted):
                return number
    return None


def from_filter(condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document an upsert begins with: the equalities of its filter."""
    document: dict[str, Any] = {}
    for name, wanted in clauses(condition):
        if name.startswith("$"):
            continue
        if is_operators(wanted):
            if "$eq" not in wanted:
                continue
            wanted = wanted["$eq"]  # noqa: PLW2901
        if not hasattr(wanted, "pattern"):
            _set(document, split(name), wanted)
    return document


def _set(document: dict[str, Any], path: Path, value: Any) -> None:
    if len(path) == 1:
        document[path[0]] = copied(value)
        return
    writable_place(document, path).put(copied(value))


def _unset(document: dict[str, Any], path: Path, _: Any) -> None:
    place = writable_place(document, path, create=False)
    if place is not None:
        place.remove()


def _inc(document: dict[str, Any], path: Path, amount: Any) -> None:
    if not _is_number(amount):
        raise write_error(
            _TYPE_MISMATCH, f"Cannot increment with non-numeric argument: {amount!r}"
        )
    place = writable_place(document, path)
    value = place.get()
    if value is MISSING:
        value = 0
    if not _is_number(value):
        raise write_error(
            _TYPE_MISMATCH,
            f"Cannot apply $inc to a value of non-numeric type at {shown(path)}",
        )
    total = value + amount
    if isinstance(total, int):
        total = int(total)
        if not -_INT64 <= total < _INT64:
            raise write_error(
                _BAD_VALUE, f"Failed to apply $inc: {shown(path)} overflows"
            )
    place.put(total)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _keep(wins: Callable[[bytes, bytes], bool]) -> Callable[[Any, Path, Any], None]:
    def apply(document: dict[str, Any], path: Path, value: Any) -> None:
        place = writable_place(document, path)
        present = place.get()
        if present is MISSING or wins(encode(value), encode(present)):
            place.put(copied(value))

    return apply


def _at(change: Callable[[Place, Any], None]) -> Callable[[Any, Path, Any], None]:
    def apply(document: dict[str, Any], path: Path, operand: Any) -> None:
        change(writable_place(document, path), operand)

    return apply


def _pull(document: dict[str, Any], path: Path, condition: Any) -> None:
    place = writable_place(document, path, create=False)
    if place is not None:
        pull(place, condition)


_OPERATORS: dict[str, Callable[[dict[str, Any], Path, Any], None]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$min": _keep(bytes.__lt__),
    "$max": _keep(bytes.__gt__),
    "$push": _at(push),
    "$addToSet": _at(add_to_set),
    "$pull": _pull,
}
