"""What the API's description lets an answer hold, and what an answer holds."""

from collections.abc import Iterator
from typing import Any

from tests.support.route_table import Route

JSON = "application/json"
TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}

Schema = dict[str, Any]


class AllowList:
    """The answers' fields in an OpenAPI description; no other is allowed."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec

    def schema_of(self, route: Route) -> Schema:
        """Return the schema of the JSON that a route answers with when all is well."""
        described = self._spec["paths"][route.template][route.method.lower()]
        content = described["responses"][str(route.done)]["content"]
        schema: Schema = content[JSON]["schema"]
        return schema

    def schema_named(self, name: str) -> Schema:
        schema: Schema = self._spec["components"]["schemas"][name]
        return schema

    def undeclared(self, value: Any, schema: Schema, place: str = "") -> list[str]:
        """Return the places in ``value`` that the schema does not name.

        A value of another type than the schema's is one as well.
        """
        if "$ref" in schema:
            schema = self.schema_named(schema["$ref"].rsplit("/", 1)[1])
        if "anyOf" in schema:
            found = (self.undeclared(value, one, place) for one in schema["anyOf"])
            return min(found, key=len)
        kind = schema.get("type")
        if isinstance(value, dict) and kind == "object":
            return self._undeclared_fields(value, schema, place)
        if isinstance(value, list) and kind == "array":
            return [
                problem
                for item in value
                for problem in self.undeclared(item, schema["items"], f"{place}[]")
            ]
        fits = TYPES.get(type(value)) == kind or (type(value), kind) == (int, "number")
        return [] if fits else [place]

    def _undeclared_fields(
        self, value: dict[str, Any], schema: Schema, place: str
    ) -> list[str]:
        declared = schema.get("properties", {})
        free = schema.get("additionalProperties")
        found: list[str] = []
        for name, part in value.items():
            here = f"{place}.{name}"
            if name in declared or isinstance(free, dict):
                found += self.undeclared(part, declared.get(name, free), here)
            else:
                found.append(here)
        return found


def strings_in(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Return every string of a body with its place, names of fields too."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item, f"{place}[]")
    elif isinstance(value, dict):
        for name, part in value.items():
            yield place, name
            yield from strings_in(part, f"{place}.{name}")
