"""From a plan and the values of one filter to ranges of keys."""

from typing import Any

from .filters import Clauses
from .keys import HIGH, NUMBER, STRING, encode, invert
from .plans import Plan, Step

KeyRange = tuple[bytes, bytes]
Bound = tuple[bytes, bool]  # a key, and whether the place after all that start with it

# Several, since what follows the beginning of an inverted string may itself be HIGH.
_AFTER = HIGH * 12
_INDEXABLE_TAGS = frozenset({0x10, 0x20, 0x50, 0x60, 0x70, 0x80})
_SPECIAL = frozenset("\\.^$*+?{}[]|()")


class NotBounded(Exception):
    """A value that no index can look up, such as null or an array."""

    def __init__(self, clause: int) -> None:
        super().__init__(clause)
        self.clause = clause


def key_ranges(plan: Plan, clauses: Clauses) -> list[KeyRange]:
    """Return the ranges to read, in the order of their keys."""
    prefixes = [b""]
    for step in plan.steps:
        condition = clauses[step.clause][1]
        if step.kind == "equal":
            value = condition["$eq"] if isinstance(condition, dict) else condition
            own = _component(value, step)
            prefixes = [prefix + own for prefix in prefixes]
        elif step.kind == "in":
            owns = _alternatives(condition["$in"], step)
            prefixes = [prefix + own for prefix in prefixes for own in owns]
        else:
            low, high = (
                _range(condition, step)
                if step.kind == "range"
                else _prefix(condition["$regex"], step)
            )
            return [(prefix + low, prefix + high) for prefix in prefixes]
    return [(prefix, prefix + HIGH) for prefix in prefixes]


def _component(value: Any, step: Step) -> bytes:
    key = _encode(value, step)
    return invert(key) if step.descending else key


def _encode(value: Any, step: Step) -> bytes:
    try:
        key = encode(value)
    except NotImplementedError:
        raise NotBounded(step.clause) from None
    if key[0] not in _INDEXABLE_TAGS:
        raise NotBounded(step.clause)
    return key


def _alternatives(values: Any, step: Step) -> list[bytes]:
    if not isinstance(values, (list, tuple)):
        raise NotBounded(step.clause)
    return sorted({_component(value, step) for value in values})


def _range(condition: dict[str, Any], step: Step) -> KeyRange:
    low: Bound | None = None
    high: Bound | None = None
    tags = set()
    for operator in step.operators:
        value = condition[operator]
        key = _encode(value, step)
        if value != value:  # noqa: PLR0124 - NaN
            raise NotBounded(step.clause)
        tags.add(key[0])
        if operator in {"$gt", "$gte"}:
            bound = (key, operator == "$gt")
            low = bound if low is None else max(low, bound)
        else:
            bound = (key, operator == "$lte")
            high = bound if high is None else min(high, bound)
    if len(tags) != 1:
        raise NotBounded(step.clause)
    tag = tags.pop()
    if low is None:
        # Just above NaN, which is less than every number and matches no range.
        low = (bytes([tag, *bytes(7), 1]) if tag == NUMBER else bytes([tag]), False)
    return _turned(low, high or (bytes([tag + 1]), False), step)


def _prefix(pattern: Any, step: Step) -> KeyRange:
    """Return the range of the strings that an anchored pattern may match."""
    if not isinstance(pattern, str) or not pattern.startswith("^"):
        raise NotBounded(step.clause)
    text = _literal(pattern[1:])
    if not text:
        raise NotBounded(step.clause)
    start = bytes([STRING]) + text.encode()
    return _turned((start, False), (start, True), step)


def _literal(pattern: str) -> str:
    """Return the letters a pattern begins with, whatever follows."""
    if "|" in pattern:
        return ""
    letters: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\" and at + 1 < len(pattern) and not pattern[at + 1].isalnum():
            at += 1
            letter = pattern[at]
        elif letter in _SPECIAL:
            if letter in "*?{" and letters:
                letters.pop()  # the letter before may be absent
            break
        letters.append(letter)
        at += 1
    return "".join(letters).split("\0", 1)[0]


def _turned(low: Bound, high: Bound, step: Step) -> KeyRange:
    if not step.descending:
        return _place(low), _place(high)
    (low_key, low_after), (high_key, high_after) = low, high
    # Inverted, what came after a key comes before it.
    return (
        _place((invert(high_key), not high_after)),
        _place((invert(low_key), not low_after)),
    )


def _place(bound: Bound) -> bytes:
    key, after = bound
    return key + _AFTER if after else key
