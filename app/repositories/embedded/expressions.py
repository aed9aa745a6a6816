"""Aggregation expressions, compiled to functions of a document."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .errors import bad_value, unsupported
from .keys import NULL_KEY, encode
from .paths import MISSING, Path, split

Expression = Callable[[dict[str, Any]], Any]

_DATE_FORMATS = {
    "%Y": "%Y",
    "%m": "%m",
    "%d": "%d",
    "%H": "%H",
    "%M": "%M",
    "%S": "%S",
    "%j": "%j",
    "%%": "%%",
    "%G": "%G",
    "%V": "%V",
    "%u": "%u",
}
_ISO = "%Y-%m-%dT%H:%M:%S.%LZ"


def compile_expression(source: Any) -> Expression:
    if isinstance(source, str) and source.startswith("$"):
        return _field(source)
    if isinstance(source, Mapping):
        name = next(iter(source), "")
        if name.startswith("$"):
            if len(source) != 1 or name not in _OPERATORS:
                raise unsupported(f"the expression '{name}'")
            return _OPERATORS[name](source[name])
        fields = {key: compile_expression(value) for key, value in source.items()}
        return lambda document: {
            key: value
            for key, expression in fields.items()
            if (value := expression(document)) is not MISSING
        }
    if isinstance(source, (list, tuple)):
        elements = [compile_expression(value) for value in source]
        return lambda document: [_null(element(document)) for element in elements]
    return lambda _: source


def _field(source: str) -> Expression:
    if source.startswith("$$"):
        if source == "$$ROOT":
            return lambda document: document
        raise unsupported(f"the variable '{source}'")
    path = split(source[1:])
    if len(path) == 1:
        name = path[0]
        return lambda document: document.get(name, MISSING)
    return lambda document: value_at(document, path)


def value_at(value: Any, path: Path) -> Any:
    """Return the value at a path; below an array, the values of its documents."""
    for number, name in enumerate(path):
        if isinstance(value, list):
            found = [value_at(element, path[number:]) for element in value]
            return [inner for inner in found if inner is not MISSING]
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def _null(value: Any) -> Any:
    return None if value is MISSING else value


def _listed(source: Any) -> list[Expression]:
    if not isinstance(source, (list, tuple)):
        source = [source]
    return [compile_expression(value) for value in source]


def _pair(name: str, source: Any) -> list[Expression]:
    expressions = _listed(source)
    if len(expressions) != 2:  # noqa: PLR2004
        raise bad_value(f"Expression {name} takes exactly 2 arguments")
    return expressions


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(name: str, expressions: list[Expression], document: Any) -> Any:
    values = [_null(expression(document)) for expression in expressions]
    if None in values:
        return None
    if not all(map(is_number, values)):
        raise bad_value(f"{name} only supports numeric types")
    return values


def _fold(
    name: str, start: int, combine: Callable[[Any, Any], Any]
) -> Callable[[Any], Expression]:
    def compile_fold(source: Any) -> Expression:
        expressions = _listed(source)

        def run(document: dict[str, Any]) -> Any:
            values = _numbers(name, expressions, document)
            if values is None:
                return None
            total: Any = start
            for value in values:
                total = combine(total, value)
            return total

        return run

    return compile_fold


def _binary(
    name: str, combine: Callable[[Any, Any], Any]
) -> Callable[[Any], Expression]:
    def compile_binary(source: Any) -> Expression:
        expressions = _pair(name, source)

        def run(document: dict[str, Any]) -> Any:
            values = _numbers(name, expressions, document)
            return None if values is None else combine(*values)

        return run

    return compile_binary


def _divide(one: Any, other: Any) -> float:
    if other == 0:
        raise bad_value("can't $divide by zero")
    return float(one / other)


def _compare(
    name: str, decide: Callable[[bytes, bytes], bool]
) -> Callable[[Any], Expression]:
    def compile_comparison(source: Any) -> Expression:
        left, right = _pair(name, source)
        return lambda document: decide(_place(left(document)), _place(right(document)))

    return compile_comparison


def _place(value: Any) -> bytes:
    """Return where a value stands in BSON order; a missing one before null."""
    return NULL_KEY[:0] if value is MISSING else encode(value)


def truth(value: Any) -> bool:
    """Tell what MongoDB takes for true: all but false, null, zero and missing."""
    if value is None or value is MISSING or value is False:
        return False
    return not (is_number(value) and value == 0)


def _cond(source: Any) -> Expression:
    if isinstance(source, Mapping):
        if set(source) != {"if", "then", "else"}:
            raise bad_value("$cond needs if, then and else")
        source = [source["if"], source["then"], source["else"]]
    parts = _listed(source)
    if len(parts) != 3:  # noqa: PLR2004
        raise bad_value("Expression $cond takes exactly 3 arguments")
    test, yes, no = parts
    return lambda document: yes(document) if truth(test(document)) else no(document)


def _if_null(source: Any) -> Expression:
    expressions = _listed(source)

    def run(document: dict[str, Any]) -> Any:
        value: Any = MISSING
        for expression in expressions:
            value = expression(document)
            if value is not None and value is not MISSING:
                return value
        return value

    return run


def _and(source: Any) -> Expression:
    expressions = _listed(source)
    return lambda document: all(truth(each(document)) for each in expressions)


def _or(source: Any) -> Expression:
    expressions = _listed(source)
    return lambda document: any(truth(each(document)) for each in expressions)


def _not(source: Any) -> Expression:
    (expression,) = _listed(source)
    return lambda document: not truth(expression(document))


def _date_to_string(source: Any) -> Expression:
    for name in source:
        if name not in {"date", "format", "onNull"}:
            raise unsupported(f"'{name}' in $dateToString")
    date = compile_expression(source["date"])
    layout = str(source.get("format", _ISO))
    for code in re.findall("%.", layout):
        if code != "%L" and code not in _DATE_FORMATS:
            raise unsupported(f"'{code}' in $dateToString")
    on_null = compile_expression(source.get("onNull"))

    def run(document: dict[str, Any]) -> Any:
        moment = date(document)
        if moment is None or moment is MISSING:
            return _null(on_null(document))
        if not isinstance(moment, datetime):
            raise bad_value("can't convert to a date")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
        thousandths = f"{moment.microsecond // 1000:03d}"
        return re.sub(
            "%.",
            lambda found: (
                thousandths
                if found[0] == "%L"
                else moment.strftime(_DATE_FORMATS[found[0]]).rjust(
                    4 if found[0] in {"%Y", "%G"} else 1, "0"
                )
            ),
            layout,
        )

    return run


_OPERATORS: dict[str, Callable[[Any], Expression]] = {
    "$literal": lambda source: lambda _: source,
    "$add": _fold("$add", 0, lambda one, other: one + other),
    "$multiply": _fold("$multiply", 1, lambda one, other: one * other),
    "$subtract": _binary("$subtract", lambda one, other: one - other),
    "$divide": _binary("$divide", _divide),
    "$cond": _cond,
    "$ifNull": _if_null,
    "$dateToString": _date_to_string,
    "$eq": _compare("$eq", bytes.__eq__),
    "$ne": _compare("$ne", bytes.__ne__),
    "$gt": _compare("$gt", bytes.__gt__),
    "$gte": _compare("$gte", bytes.__ge__),
    "$lt": _compare("$lt", bytes.__lt__),
    "$lte": _compare("$lte", bytes.__le__),
    "$and": _and,
    "$or": _or,
    "$not": _not,
}
