"""MongoDB's filters, compiled to functions of a document."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bson.regex import Regex

from .errors import bad_value, unsupported
from .paths import MISSING, SCALARS, leaves, split
from .predicates import VALUE_TESTS, Test, equals, every, is_in, matches

Clauses = list[tuple[str, Any]]


def clauses(query: Mapping[str, Any]) -> Clauses:
    """Return the conditions that must all hold, with ``$and`` laid flat."""
    if type(query) is not dict and not isinstance(query, Mapping):
        raise TypeError("filter must be an instance of dict")
    if "$and" not in query:
        return list(query.items())
    flat: Clauses = []
    for name, condition in query.items():
        if name == "$and":
            for part in _branches(name, condition):
                flat += clauses(part)
        else:
            flat.append((name, condition))
    return flat


def compile_filter(query: Mapping[str, Any]) -> Test:
    return compile_clauses(clauses(query))


def compile_clauses(listed: Clauses) -> Test:
    return every([_clause(name, condition) for name, condition in listed])


def _branches(name: str, condition: Any) -> list[Mapping[str, Any]]:
    if not isinstance(condition, (list, tuple)) or not condition:
        raise bad_value(f"{name} must be a nonempty array")
    return list(condition)


def _clause(name: str, condition: Any) -> Test:
    if type(condition) in SCALARS and name[:1] != "$":
        return _on_values(name, equals(condition))
    if name == "$or":
        tests = [compile_filter(part) for part in _branches(name, condition)]
        return lambda document: any(test(document) for test in tests)
    if name == "$and":
        return every([compile_filter(part) for part in _branches(name, condition)])
    if name.startswith("$"):
        raise unsupported(f"the filter operator '{name}'")
    if is_operators(condition):
        return _operators(name, condition)
    return _on_values(name, equals(condition))


def is_operators(condition: Any) -> bool:
    kind = type(condition)
    if kind is not dict and (kind in SCALARS or not isinstance(condition, Mapping)):
        return False
    return bool(condition) and str(next(iter(condition))).startswith("$")


def _operators(path: str, condition: Mapping[str, Any]) -> Test:
    return every(
        [
            _operator(path, name, operand, condition)
            for name, operand in condition.items()
            if name != "$options"
        ]
    )


def _operator(  # noqa: PLR0911 - one way out per operator
    path: str, name: str, operand: Any, beside: Mapping[str, Any]
) -> Test:
    if name in VALUE_TESTS:
        return _on_values(path, VALUE_TESTS[name](operand))
    if name == "$ne":
        return _negate(_on_values(path, equals(operand)))
    if name == "$nin":
        return _negate(_on_values(path, is_in(operand)))
    if name == "$not":
        return _negate(_negated(path, operand))
    if name == "$regex":
        return _on_values(path, matches(operand, str(beside.get("$options", ""))))
    if name == "$all":
        return _all(path, operand)
    if name == "$exists":
        return _exists(path, wanted=bool(operand))
    if name in _WHOLE_TESTS:
        return _on_wholes(path, _WHOLE_TESTS[name](operand))
    raise unsupported(f"the filter operator '{name}'")


def _negated(path: str, operand: Any) -> Test:
    if isinstance(operand, (re.Pattern, Regex)):
        return _on_values(path, matches(operand))
    if not is_operators(operand):
        raise bad_value("$not needs a regex or a document")
    return _operators(path, operand)


def _negate(test: Test) -> Test:
    return lambda document: not test(document)


def _on_values(path: str, test: Test) -> Test:
    """Ask each value at the path, and each element of an array there."""
    if "." not in path:

        def at_root(document: dict[str, Any]) -> bool:
            value = document.get(path, MISSING)
            if isinstance(value, list):
                return any(map(test, value)) or test(value)
            return test(value)

        return at_root

    parts = split(path)

    def below(document: dict[str, Any]) -> bool:
        for value in leaves(document, parts):
            if isinstance(value, list) and any(map(test, value)):
                return True
            if test(value):
                return True
        return False

    return below


def _on_wholes(path: str, test: Test) -> Test:
    parts = split(path)
    return lambda document: any(map(test, leaves(document, parts)))


def _all(path: str, operands: Any) -> Test:
    if not isinstance(operands, (list, tuple)):
        raise bad_value("$all needs an array")
    if not operands:
        return lambda _: False
    return every(
        [
            _operators(path, operand)
            if is_operators(operand) and "$elemMatch" in operand
            else _on_values(path, equals(operand))
            for operand in operands
        ]
    )


@lru_cache(1000)
def _exists(path: str, *, wanted: bool) -> Test:
    test = _on_wholes(path, _is_there)
    return test if wanted else _negate(test)


def _is_there(value: Any) -> bool:
    return value is not MISSING


def _size(wanted: Any) -> Test:
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        raise bad_value("$size must be a whole number")
    return lambda value: isinstance(value, list) and len(value) == wanted


def _elem_match(condition: Any) -> Test:
    test = element_test(condition)
    return lambda value: isinstance(value, list) and any(map(test, value))


def element_test(condition: Any) -> Test:
    """Return the test of ``$elemMatch`` for one element."""
    if not isinstance(condition, Mapping):
        raise bad_value("$elemMatch needs an Object")
    if is_operators(condition) and not {"$and", "$or"} & set(condition):
        test = _operators("value", condition)
        return lambda element: test({"value": element})
    inside = compile_filter(condition)
    return lambda element: isinstance(element, dict) and inside(element)


_WHOLE_TESTS = {"$size": _size, "$elemMatch": _elem_match}
