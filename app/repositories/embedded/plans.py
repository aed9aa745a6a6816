"""Choosing an index, once for all filters of the same shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bson import ObjectId

from .filters import Clauses, is_operators
from .indexing import Fields, Index

Kind = Literal["equal", "in", "range", "prefix"]
Shape = tuple[tuple[str, tuple[str, ...]], ...]
PlanKey = tuple[Shape, Fields]

RANGE_OPERATORS = ("$gt", "$gte", "$lt", "$lte")
_SCALARS = (str, int, float, bool, ObjectId, datetime, bytes)
_EQUAL = ("$eq",)
_OPAQUE = ("",)
_shapes: dict[type, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class Step:
    """A condition that narrows one field of an index."""

    clause: int
    kind: Kind
    descending: bool
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The way to the documents; ``index`` None means all of them in turn."""

    index: Index | None
    steps: tuple[Step, ...] = ()
    residual: tuple[int, ...] = ()
    sorted: bool = True
    reverse: bool = False
    merge: bool = False
    whole: bool = False  # each range is one whole key of a unique index


def shape_of(clauses: Clauses) -> Shape:
    return tuple(
        [
            (name, _shapes.get(type(condition)) or _classify(condition))
            for name, condition in clauses
        ]
    )


def opaque(shape: Shape, clause: int) -> Shape:
    """Return the shape with one condition that no index can serve."""
    changed = list(shape)
    changed[clause] = (shape[clause][0], _OPAQUE)
    return tuple(changed)


def _classify(condition: Any) -> tuple[str, ...]:
    kind = type(condition)
    if issubclass(kind, _SCALARS):
        _shapes[kind] = _EQUAL
        return _EQUAL
    if isinstance(condition, Mapping) and is_operators(condition):
        return tuple(condition)
    return _OPAQUE


def make_plan(
    indexes: Sequence[Index], by_id: Index, shape: Shape, order: Fields
) -> Plan:
    """Return the plan with whole keys, the longest equality, bounds, the order."""
    best = Plan(None, residual=tuple(range(len(shape))), sorted=not order)
    best_score = (0, 0, 0, 0, 0)
    for index in (by_id, *indexes):
        steps, exact = _steps(index, shape)
        if index.sparse and not steps:
            continue
        served, reverse, merge = _serve(index, steps, order)
        equal = sum(step.kind == "equal" for step in steps)
        bound = sum(step.kind in {"equal", "in"} for step in steps)
        whole = index.unique and bound == len(index.fields)
        score = (
            int(whole and equal == bound),
            int(whole),
            equal,
            len(steps) - equal,
            int(served and bool(order)),
        )
        if score > best_score:
            residual = tuple(n for n in range(len(shape)) if n not in exact)
            best = Plan(index, steps, residual, served, reverse, merge, whole)
            best_score = score
    return best


def _steps(index: Index, shape: Shape) -> tuple[tuple[Step, ...], set[int]]:
    """Return what narrows the index, and the clauses it answers completely."""
    steps: list[Step] = []
    exact: set[int] = set()
    roots: set[str] = set()
    has_in = False
    for name, way in index.fields:
        root = name.split(".", 1)[0]
        if index.multikey and root in roots:
            break  # two fields of one array: each may match another element
        roots.add(root)
        step = _best_step(name, shape, descending=way < 0, may_have_in=not has_in)
        if step is None:
            break
        operators = step.operators
        if step.kind == "range" and index.multikey:
            operators = operators[:1]
            step = Step(step.clause, "range", step.descending, operators)
        steps.append(step)
        has_in = has_in or step.kind == "in"
        if step.kind != "prefix" and len(operators) == len(shape[step.clause][1]):
            exact.add(step.clause)
        if step.kind in {"range", "prefix"}:
            break
    return tuple(steps), exact


def _best_step(
    name: str,
    shape: Shape,
    *,
    descending: bool,
    may_have_in: bool,
) -> Step | None:
    found: Step | None = None
    for number, (field, operators) in enumerate(shape):
        if field != name:
            continue
        if "$eq" in operators:
            return Step(number, "equal", descending, _EQUAL)
        if "$in" in operators and may_have_in:
            found = Step(number, "in", descending, ("$in",))
        elif found is None and (
            used := tuple(name for name in operators if name in RANGE_OPERATORS)
        ):
            found = Step(number, "range", descending, used)
        elif found is None and "$regex" in operators and "$options" not in operators:
            found = Step(number, "prefix", descending, ("$regex",))
    return found


def _serve(
    index: Index, steps: tuple[Step, ...], order: Fields
) -> tuple[bool, bool, bool]:
    """Tell whether the index gives the order: forwards or back, merged or not."""
    fixed = {
        name
        for (name, _), step in zip(index.fields, steps, strict=False)
        if step.kind == "equal"
    }
    wanted = [(name, way) for name, way in order if name not in fixed]
    if not wanted:
        return True, False, False
    if index.multikey:
        return False, False, False
    bound = sum(step.kind in {"equal", "in"} for step in steps)
    several = next((at for at, step in enumerate(steps) if step.kind == "in"), None)
    free = list(index.fields[bound:])
    merge = several is not None
    if several is not None and wanted[0][0] == index.fields[several][0]:
        free = [index.fields[several], *free]
        merge = False
    ways = {
        way * own if name == own_name else 0
        for (name, way), (own_name, own) in zip(wanted, free, strict=False)
    }
    if len(wanted) > len(free) or len(ways) != 1 or 0 in ways:
        return False, False, False
    return True, ways == {-1}, merge
