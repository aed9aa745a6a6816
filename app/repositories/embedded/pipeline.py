"""Aggregation: the first ``$match`` and ``$sort`` use the indexes, the rest streams."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from .errors import bad_value, unsupported
from .expressions import Expression, compile_expression
from .filters import compile_filter
from .groups import compile_group
from .indexing import KeyMaker, parse_fields
from .paths import MISSING, split
from .places import copied, writable_place
from .projection import compile_projection

Document = dict[str, Any]
Documents = Iterable[Document]
Stage = Callable[[Documents], Documents]


def run_pipeline(
    stages: list[Mapping[str, Any]], find: Callable[..., Any]
) -> Iterator[Document]:
    """Check every stage, then run them over what ``find`` gives."""
    rest = [_named(stage) for stage in stages]
    compiled = [_compile(name, source) for name, source in rest]
    condition: Any = None
    order: Any = None
    limit = 0
    taken = 0
    if rest and rest[0][0] == "$match":
        condition, taken = rest[0][1], 1
    if len(rest) > taken and rest[taken][0] == "$sort":
        order, taken = list(rest[taken][1].items()), taken + 1
    if len(rest) > taken and rest[taken][0] == "$limit":
        limit, taken = rest[taken][1], taken + 1
    documents: Documents = find(condition, sort=order, limit=limit)
    for stage in compiled[taken:]:
        documents = stage(documents)
    return iter(documents)


def _named(stage: Mapping[str, Any]) -> tuple[str, Any]:
    if not isinstance(stage, Mapping) or len(stage) != 1:
        raise bad_value("A pipeline stage must have exactly one field")
    ((name, source),) = stage.items()
    return name, source


def _compile(name: str, source: Any) -> Stage:
    if name not in _STAGES:
        raise unsupported(f"the aggregation stage '{name}'")
    return _STAGES[name](source)


def _match(source: Any) -> Stage:
    test = compile_filter(source)
    return lambda documents: filter(test, documents)


def _sort(source: Mapping[str, Any]) -> Stage:
    place = KeyMaker(parse_fields(source)).sort_key
    return lambda documents: sorted(documents, key=place)


def _limit(source: Any) -> Stage:
    if isinstance(source, bool) or not isinstance(source, int) or source < 1:
        raise bad_value("the limit must be positive")
    return lambda documents: islice(documents, source)


def _skip(source: Any) -> Stage:
    return lambda documents: islice(documents, source, None)


def _count(name: str) -> Stage:
    def count(documents: Documents) -> Iterator[Document]:
        total = sum(1 for _ in documents)
        if total:
            yield {name: total}

    return count


def _facet(source: Mapping[str, Any]) -> Stage:
    branches = {
        name: [_compile(*_named(stage)) for stage in stages]
        for name, stages in source.items()
    }

    def facet(documents: Documents) -> Iterator[Document]:
        whole = list(documents)
        result: Document = {}
        for name, stages in branches.items():
            part: Documents = iter(whole)
            for stage in stages:
                part = stage(part)
            result[name] = list(part)
        yield result

    return facet


def _unwind(source: Any) -> Stage:
    options = {"path": source} if isinstance(source, str) else dict(source)
    for name in options:
        if name not in {"path", "preserveNullAndEmptyArrays"}:
            raise unsupported(f"'{name}' in $unwind")
    path = split(options["path"].removeprefix("$"))
    keep = bool(options.get("preserveNullAndEmptyArrays"))

    def unwind(documents: Documents) -> Iterator[Document]:
        for document in documents:
            place = writable_place(document, path, create=False)
            value = MISSING if place is None else place.get()
            if not isinstance(value, list):
                if keep or (value is not MISSING and value is not None):
                    yield document
                continue
            for element in value:
                one = copied(document)
                writable_place(one, path).put(element)
                yield one
            if not value and keep:
                one = copied(document)
                writable_place(one, path).remove()
                yield one

    return unwind


def _project(source: Mapping[str, Any]) -> Stage:
    plain = {
        name: flag
        for name, flag in source.items()
        if isinstance(flag, (bool, int, float))
    }
    computed = {
        name: compile_expression(value)
        for name, value in source.items()
        if name not in plain
    }
    if not computed:
        project = compile_projection(plain)
        return lambda documents: map(project or dict, documents)
    if any(not flag for name, flag in plain.items() if name != "_id"):
        raise bad_value("Cannot mix exclusion and computed fields in $project")
    for name in computed:
        if "." in name:
            raise unsupported(f"the computed field '{name}' below another")
    keep = compile_projection({"_id": 1, **plain} if plain.get("_id", 1) else plain)
    only_computed = not any(plain.values()) and not plain.get("_id", 1)
    return lambda documents: (
        _computed(
            document, {} if only_computed or keep is None else keep(document), computed
        )
        for document in documents
    )


def _computed(
    document: Document, result: Document, computed: Mapping[str, Expression]
) -> Document:
    for name, expression in computed.items():
        value = expression(document)
        if value is not MISSING:
            result[name] = value
    return result


_STAGES: dict[str, Callable[[Any], Stage]] = {
    "$match": _match,
    "$sort": _sort,
    "$limit": _limit,
    "$skip": _skip,
    "$count": _count,
    "$facet": _facet,
    "$unwind": _unwind,
    "$group": compile_group,
    "$project": _project,
}
