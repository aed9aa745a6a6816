"""The update operators of arrays."""

from collections.abc import Mapping
from typing import Any

from .errors import unsupported, write_error
from .filters import element_test, is_operators
from .indexing import KeyMaker, parse_fields
from .keys import encode, invert
from .paths import MISSING
from .places import Place, copied
from .predicates import Test, equals

_BAD_VALUE = 2
_PUSH_MODIFIERS = {"$each", "$slice", "$position", "$sort"}


def push(place: Place, operand: Any) -> None:
    modifiers = _modifiers(operand, "$push", _PUSH_MODIFIERS)
    array = _array(place, "$push")
    if modifiers is None:
        array.append(copied(operand))
        place.put(array)
        return
    added = copied(_each(modifiers))
    position = modifiers.get("$position")
    if position is None:
        array += added
    else:
        array[_whole(position, "$position") : _whole(position, "$position")] = added
    if "$sort" in modifiers:
        _sort(array, modifiers["$sort"])
    if "$slice" in modifiers:
        size = _whole(modifiers["$slice"], "$slice")
        array = array[size:] if size < 0 else array[:size]
    place.put(array)


def add_to_set(place: Place, operand: Any) -> None:
    modifiers = _modifiers(operand, "$addToSet", {"$each"})
    array = _array(place, "$addToSet")
    present = set(map(encode, array))
    for value in [operand] if modifiers is None else _each(modifiers):
        key = encode(value)
        if key not in present:
            present.add(key)
            array.append(copied(value))
    place.put(array)


def pull(place: Place, condition: Any) -> None:
    array = place.get()
    if array is MISSING:
        return
    if not isinstance(array, list):
        raise write_error(_BAD_VALUE, "Cannot apply $pull to a non-array value")
    test = _pull_test(condition)
    place.put([element for element in array if not test(element)])


def _pull_test(condition: Any) -> Test:
    if type(condition) is dict or isinstance(condition, Mapping):
        return element_test(condition)
    return equals(condition)


def _modifiers(
    operand: Any, operator: str, allowed: set[str]
) -> Mapping[str, Any] | None:
    if not is_operators(operand):
        return None
    for name in operand:
        if name not in allowed:
            raise unsupported(f"'{name}' in {operator}")
    if "$each" not in operand:
        raise write_error(_BAD_VALUE, f"{operator} with modifiers needs $each")
    return dict(operand)


def _each(modifiers: Mapping[str, Any]) -> list[Any]:
    values = modifiers["$each"]
    if not isinstance(values, (list, tuple)):
        raise write_error(_BAD_VALUE, "The argument to $each must be an array")
    return list(values)


def _array(place: Place, operator: str) -> list[Any]:
    value = place.get()
    if value is MISSING:
        return []
    if not isinstance(value, list):
        raise write_error(
            _BAD_VALUE,
            f"The field '{place.name}' must be an array to apply {operator}, but is of"
            f" type {type(value).__name__}",
        )
    return value


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise write_error(_BAD_VALUE, f"The value for {name} must be an integer value")
    return value


def _sort(array: list[Any], order: Any) -> None:
    if isinstance(order, Mapping):
        maker = KeyMaker(parse_fields(order))
        array.sort(
            key=lambda element: maker.sort_key(
                element if isinstance(element, dict) else {}
            )
        )
    elif order in {1, -1}:
        array.sort(
            key=lambda element: (
                encode(element) if order == 1 else invert(encode(element))
            )
        )
    else:
        raise write_error(_BAD_VALUE, "The $sort is invalid: use 1/-1 or a document")
