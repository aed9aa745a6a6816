"""JSON as the contract takes it: UTF-8, no surprises, an object at the top."""

import json
import re
from collections.abc import Iterator
from math import isinf
from typing import Any, NoReturn

from flask import Request
from flask.json.provider import DefaultJSONProvider

from app.errors import BadRequest, InvalidInput, UnsupportedMediaType

MEGABYTE = 1024 * 1024
LARGEST_BODY = MEGABYTE
SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|[\x00\ud800-\udfff]")
BAD_CHARACTERS = re.compile("[\x00\ud800-\udfff]")


class StrictJSONProvider(DefaultJSONProvider):
    """Refuses what two parsers could read differently.

    Duplicate keys, NaN, infinities, NUL and lone surrogates, bytes that are not
    UTF-8, nesting and numbers beyond what can be read.
    """

    sort_keys = False
    compact = True
    ensure_ascii = False

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Raises BadRequest, InvalidInput."""
        try:
            source = s.decode() if isinstance(s, bytes) else s
            value = json.loads(
                source,
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
                parse_float=_float,
            )
            suspicious = SUSPICIOUS.search(source) is not None
            bad = suspicious and any(map(bad_characters, _strings(value)))
        except RecursionError as exc:
            raise BadRequest(reason="reason.depth") from exc
        except UnicodeDecodeError as exc:
            raise BadRequest(reason="reason.utf8") from exc
        except ValueError as exc:
            raise BadRequest(reason="reason.json") from exc
        if bad:
            raise InvalidInput(fields={"body": "field.characters"})
        return value


class StrictRequest(Request):
    """Takes bodies of the expected type only; no body at all is an empty object."""

    def get_json(self, **_kwargs: Any) -> Any:  # type: ignore[override]
        """Raises UnsupportedMediaType, BadRequest, InvalidInput."""
        data = self.get_data()
        if not data:
            return {}
        charset = self.mimetype_params.get("charset", "utf-8").lower()
        if self.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(expected="application/json (UTF-8)")
        value = self.json_module.loads(data)
        if not isinstance(value, dict):
            raise InvalidInput(fields={"body": "field.object"})
        return value


def bad_characters(value: str) -> bool:
    return BAD_CHARACTERS.search(value) is not None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest(reason="reason.duplicate")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise BadRequest(reason="reason.constant")


def _float(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise BadRequest(reason="reason.number")
    return number


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _strings(item)
