"""What a filter may ask of one value."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from bson import ObjectId
from bson.regex import Regex

from .errors import bad_value, unsupported
from .keys import NULL, encode
from .paths import MISSING

Test = Callable[[Any], bool]

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
_COMPARED_AS_THEY_ARE = frozenset({str, ObjectId})


def equals(operand: Any) -> Test:
    """Return the test for equality in BSON: True is not 1, field order counts."""
    kind = type(operand)
    if kind in _COMPARED_AS_THEY_ARE:
        expected: object = operand
        return lambda value: bool(value == expected)
    if isinstance(operand, (re.Pattern, Regex)):
        return matches(operand)
    if operand is None:
        return lambda value: value is None or value is MISSING
    if kind is bool:
        return lambda value: value is operand
    key = encode(operand)
    if kind is int:
        return lambda value: (
            value == operand
            if type(value) is int
            else value is not MISSING and encode(value) == key
        )
    return lambda value: value is not MISSING and encode(value) == key


def _equals_exactly(operand: Any) -> Test:
    if isinstance(operand, (re.Pattern, Regex)):
        raise unsupported("a regular expression in $eq")
    return equals(operand)


def is_in(operands: Any) -> Test:
    if not isinstance(operands, (list, tuple)):
        raise bad_value("$in needs an array")
    if any(isinstance(operand, (re.Pattern, Regex)) for operand in operands):
        raise unsupported("regular expressions in $in")
    if all(type(operand) is str for operand in operands):
        texts = frozenset(operands)
        return lambda value: type(value) is str and value in texts
    keys = frozenset(map(encode, operands))
    null = any(operand is None for operand in operands)
    return lambda value: null if value is MISSING else encode(value) in keys


def _compare(decide: Callable[[bytes, bytes], bool], *, with_equal: bool) -> Any:
    def compile_comparison(operand: Any) -> Test:
        key = encode(operand)
        kind = key[0]
        if kind == NULL:
            return equals(None) if with_equal else lambda _: False
        if operand != operand:  # noqa: PLR0124 - NaN equals itself alone
            return equals(operand) if with_equal else lambda _: False

        def test(value: Any) -> bool:
            if value is MISSING or value != value:  # noqa: PLR0124
                return False
            encoded = encode(value)
            return encoded[0] == kind and decide(encoded, key)

        return test

    return compile_comparison


def matches(pattern: Any, options: str = "") -> Test:
    """Return the test for a regular expression; it looks at strings alone."""
    expression = compile_pattern(pattern, options)
    return lambda value: isinstance(value, str) and bool(expression.search(value))


def compile_pattern(pattern: Any, options: str = "") -> re.Pattern[str]:
    flags = 0
    for letter in options:
        if letter not in _FLAGS:
            raise unsupported(f"the $regex option '{letter}'")
        flags |= _FLAGS[letter]
    if isinstance(pattern, Regex):
        pattern = pattern.try_compile()
    if isinstance(pattern, re.Pattern):
        flags |= pattern.flags & ~re.UNICODE
        pattern = pattern.pattern
    if not isinstance(pattern, str):
        raise bad_value("$regex has to be a string")
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise bad_value(f"Regular expression is invalid: {error}") from None


VALUE_TESTS: dict[str, Callable[[Any], Test]] = {
    "$eq": _equals_exactly,
    "$in": is_in,
    "$gt": _compare(bytes.__gt__, with_equal=False),
    "$gte": _compare(bytes.__ge__, with_equal=True),
    "$lt": _compare(bytes.__lt__, with_equal=False),
    "$lte": _compare(bytes.__le__, with_equal=True),
}


def every(tests: Iterable[Test]) -> Test:
    """Return the test that all of these hold."""
    listed = tuple(tests)
    if len(listed) == 1:
        return listed[0]

    def test_all(value: Any) -> bool:
        for test in listed:  # noqa: SIM110 - a generator costs more than the tests
            if not test(value):
                return False
        return True

    return test_all
