import json
from collections.abc import Iterator
from typing import Any

from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.plain import decoded


def read_json(data: bytes, draft: Draft) -> None:
    """Write `path: value` lines; an object of a list is one line.

    A file of one value a line is a list. Numbers stay as they are written.
    """
    value = _parsed(decoded(data).lstrip("\ufeff"))
    if isinstance(value, dict):
        _write_object(value, draft)
    else:
        for line in _lines("", value):
            draft.line(line)


def _parsed(text: str) -> Any:
    try:
        return _loads(text)
    except json.JSONDecodeError:
        lines = [line for line in text.split("\n") if line.strip()]
    except RecursionError:
        raise ExtractionFailed("too_long") from None
    try:
        return [_loads(line) for line in lines]
    except json.JSONDecodeError as exc:
        raise ExtractionFailed("broken", "no JSON") from exc


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=str, parse_float=str)


def _write_object(value: dict[str, Any], draft: Draft) -> None:
    """Write a document's members: those that hold others below a heading."""
    for index, (key, inner) in enumerate(value.items()):
        if isinstance(inner, dict | list) and inner:
            draft.heading(1, key)
        for line in _lines(key, inner):
            draft.line(line)
        draft.progress(index + 1, len(value))


def _lines(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            said = _row(item) if isinstance(item, dict) else _scalar(item)
            yield f"{path}: {said}" if path else said
    elif isinstance(value, list) and any(isinstance(item, list) for item in value):
        for item in value:
            yield from _lines(path, item)
    elif said := _scalar(value):
        yield f"{path}: {said}" if path else said


def _row(item: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {said}" for name, said in _members("", item) if said)


def _members(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the members of an object that becomes one line, inner ones by path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _members(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list) and any(isinstance(i, dict | list) for i in value):
        for number, inner in enumerate(value, 1):
            yield from _members(f"{path}[{number}]", inner)
    else:
        yield path, _scalar(value)


def _scalar(value: Any) -> str:
    """Return a value on one line, nothing for none."""
    if isinstance(value, list | dict):
        return ", ".join(filter(None, map(_scalar, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(str(value).split()) if value is not None else ""
