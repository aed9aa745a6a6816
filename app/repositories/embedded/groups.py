"""``$group``: documents gathered by a key, and what is kept of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .errors import bad_value, unsupported
from .expressions import Expression, compile_expression, is_number
from .keys import encode
from .paths import MISSING

Document = dict[str, Any]


class Accumulator:
    """Takes the values of one group, one after the other."""

    def add(self, value: Any) -> None:
        raise NotImplementedError

    def result(self) -> Any:
        raise NotImplementedError


class Total(Accumulator):
    def __init__(self) -> None:
        self._total: Any = 0

    def add(self, value: Any) -> None:
        if is_number(value):
            self._total += value

    def result(self) -> Any:
        return self._total


class Average(Accumulator):
    def __init__(self) -> None:
        self._total: Any = 0
        self._count = 0

    def add(self, value: Any) -> None:
        if is_number(value):
            self._total += value
            self._count += 1

    def result(self) -> Any:
        return self._total / self._count if self._count else None


class Extreme(Accumulator):
    """The least or the greatest value that is not null."""

    def __init__(self, wins: Callable[[bytes, bytes], bool]) -> None:
        self._wins = wins
        self._key: bytes | None = None
        self._value: Any = None

    def add(self, value: Any) -> None:
        if value is None or value is MISSING:
            return
        key = encode(value)
        if self._key is None or self._wins(key, self._key):
            self._key, self._value = key, value

    def result(self) -> Any:
        return self._value


class First(Accumulator):
    def __init__(self) -> None:
        self._value: Any = MISSING
        self._started = False

    def add(self, value: Any) -> None:
        if not self._started:
            self._value, self._started = value, True

    def result(self) -> Any:
        return None if self._value is MISSING else self._value


class Last(First):
    def add(self, value: Any) -> None:
        self._value = value


class Push(Accumulator):
    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self._values.append(value)

    def result(self) -> Any:
        return self._values


class AddToSet(Accumulator):
    def __init__(self) -> None:
        self._values: dict[bytes, Any] = {}

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self._values.setdefault(encode(value), value)

    def result(self) -> Any:
        return list(self._values.values())


_ACCUMULATORS: dict[str, Callable[[], Accumulator]] = {
    "$sum": Total,
    "$avg": Average,
    "$min": lambda: Extreme(bytes.__lt__),
    "$max": lambda: Extreme(bytes.__gt__),
    "$first": First,
    "$last": Last,
    "$push": Push,
    "$addToSet": AddToSet,
}


def compile_group(  # noqa: C901 - checks, then one loop
    source: Mapping[str, Any],
) -> Callable[[Iterable[Document]], Iterator[Document]]:
    if "_id" not in source:
        raise bad_value("a group specification must include an _id")
    key_of = compile_expression(source["_id"])
    kept: list[tuple[str, Callable[[], Accumulator], Expression]] = []
    for name, accumulator in source.items():
        if name == "_id":
            continue
        if not isinstance(accumulator, Mapping) or len(accumulator) != 1:
            raise bad_value(f"The field '{name}' must be an accumulator object")
        ((operator, expression),) = accumulator.items()
        if operator not in _ACCUMULATORS:
            raise unsupported(f"the accumulator '{operator}'")
        kept.append((name, _ACCUMULATORS[operator], compile_expression(expression)))

    def group(documents: Iterable[Document]) -> Iterator[Document]:
        groups: dict[bytes, tuple[Any, list[Accumulator]]] = {}
        for document in documents:
            key = key_of(document)
            key = None if key is MISSING else key
            found = groups.setdefault(encode(key), (key, []))
            if not found[1]:
                found[1].extend(make() for _, make, _ in kept)
            for accumulator, (_, _, expression) in zip(found[1], kept, strict=True):
                accumulator.add(expression(document))
        for key, accumulators in groups.values():
            results = [accumulator.result() for accumulator in accumulators]
            names = [name for name, _, _ in kept]
            yield {"_id": key, **dict(zip(names, results, strict=True))}

    return group
