"""The description of the API is the API."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.route_table import ROUTES, Route
from tests.support.running import Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

ROOT = Path(__file__).parents[2]
NOT_DESCRIBED = {
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    "/docs/<any(css, js):kind>/<name>",
}
DESCRIBED = [route for route in ROUTES if route.rule not in NOT_DESCRIBED]
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


@pytest.fixture(scope="module")
def spec(nobody: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = nobody.get("/openapi.json").json()
    return found


def operation(spec: dict[str, Any], route: Route) -> dict[str, Any]:
    found: dict[str, Any] = spec["paths"][route.template][route.method.lower()]
    return found


def test_the_committed_description_is_what_the_code_says(
    nobody: httpx2.Client,
) -> None:
    compared = subprocess.run(
        [sys.executable, "-m", "scripts.openapi_diff"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_the_served_description_is_the_committed_one(spec: dict[str, Any]) -> None:
    assert spec == json.loads((ROOT / "openapi.json").read_text())


def test_every_route_is_described_and_nothing_else(spec: dict[str, Any]) -> None:
    described = {
        (method.upper(), path)
        for path, methods in spec["paths"].items()
        for method in methods
        if method in METHODS
    }

    assert described == {(r.method, r.template) for r in DESCRIBED}


def test_it_is_openapi_3_1_by_its_own_rules(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(spec["info"])
    assert set(spec) <= {"openapi", "info", "paths", "components", "tags", "security"}
    for path, methods in spec["paths"].items():
        assert path.startswith("/")
        for method, described in methods.items():
            if method in METHODS:
                check_operation(spec, path, described)


def check_operation(spec: dict[str, Any], path: str, described: dict[str, Any]) -> None:
    assert described["responses"]
    for status, response in described["responses"].items():
        assert re.fullmatch(r"[1-5]\d\d|default", status)
        assert response["description"]
        for content in response.get("content", {}).values():
            check_schema(spec, content["schema"])
    named = set(re.findall(r"{(\w+)}", path))
    parameters = described.get("parameters", [])
    pairs = [(parameter["in"], parameter["name"]) for parameter in parameters]
    assert len(set(pairs)) == len(pairs)
    assert {name for place, name in pairs if place == "path"} == named
    for parameter in parameters:
        assert parameter["in"] in {"path", "query", "header"}
        assert parameter["in"] != "path" or parameter["required"] is True
        check_schema(spec, parameter["schema"])
    for content in described.get("requestBody", {}).get("content", {}).values():
        check_schema(spec, content["schema"])
    schemes = spec["components"]["securitySchemes"]
    for requirement in described.get("security", []):
        assert set(requirement) <= set(schemes)


def check_schema(spec: dict[str, Any], schema: Any) -> None:
    """Check that references lead somewhere and types are JSON Schema's."""
    if isinstance(schema, list):
        for part in schema:
            check_schema(spec, part)
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        assert reference.startswith("#/components/schemas/")
        assert reference.rsplit("/", 1)[1] in spec["components"]["schemas"], reference
    types = schema.get("type", "object")
    if isinstance(types, str):
        assert types in {
            "object",
            "array",
            "string",
            "integer",
            "number",
            "boolean",
            "null",
        }
    assert "nullable" not in schema  # that was 3.0
    assert "$defs" not in schema
    for part in schema.values():
        check_schema(spec, part)


def test_the_schemas_hold_together(spec: dict[str, Any]) -> None:
    for name, schema in spec["components"]["schemas"].items():
        assert re.fullmatch(r"[\w.-]+", name)
        check_schema(spec, schema)


def test_operation_ids_are_unique_plain_and_stable(spec: dict[str, Any]) -> None:
    ids = [operation(spec, route)["operationId"] for route in DESCRIBED]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in ids)
    assert {"post_message", "create_assistant", "login", "add_document"} <= set(ids)


@pytest.mark.parametrize("route", DESCRIBED, ids=str)
def test_an_operation_says_who_what_and_what_comes_out(
    spec: dict[str, Any], route: Route
) -> None:
    described = operation(spec, route)

    schemes = {name for entry in described.get("security", []) for name in entry}
    expected = {"AccessToken"} if route.who in {"user", "refresh"} else set()
    expected |= {"ApiKey"} if route.scopes else set()
    assert schemes == expected | ({"Ticket"} if route.stream else set())
    assert all(len(entry) == 1 for entry in described.get("security", []))
    assert described["summary"]
    assert described["tags"]
    assert str(route.done) in described["responses"]
    if route.who != "public":
        assert "401" in described["responses"]
    if route.scopes or route.role != "viewer":
        assert "403" in described["responses"]
    if route.body or route.upload:
        kind = "multipart/form-data" if route.upload else "application/json"
        assert list(described["requestBody"]["content"]) == [kind]
    queried = [p["name"] for p in described.get("parameters", []) if p["in"] == "query"]
    assert queried == list(route.query)


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/chats/enviarMensagemLLM", {"409", "502", "503", "504", "507"}),
        ("post", "/chats/{chat_id}/takeover", {"404", "409"}),
        ("get", "/events", {"404", "503"}),
        ("post", "/auth/login", {"401", "429"}),
    ],
)
def test_the_failures_that_callers_meet_are_described(
    spec: dict[str, Any], method: str, path: str, statuses: set[str]
) -> None:
    described = spec["paths"][path][method]["responses"]

    for status in statuses:
        [content] = described[status]["content"].values()
        assert content["schema"] == {"$ref": "#/components/schemas/HTTPError"}


@pytest.mark.parametrize("route", [r for r in ROUTES if r.body], ids=str)
def test_the_fields_of_a_body_are_described(spec: dict[str, Any], route: Route) -> None:
    content = operation(spec, route)["requestBody"]["content"]["application/json"]
    schema = spec["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]

    assert set(route.body or {}) <= set(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "FOO"])
@pytest.mark.parametrize("path", ["/auth/me", "/healthz", "/assistants/list"])
def test_another_method_is_refused_in_json(
    nobody: httpx2.Client, method: str, path: str
) -> None:
    answer = nobody.request(method, path)

    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert "GET" in answer.headers["Allow"]


def test_the_wrong_method_names_the_right_one(nobody: httpx2.Client) -> None:
    for route in DESCRIBED:
        right = {one.method for one in DESCRIBED if one.rule == route.rule}
        wrong = next(one for one in ("DELETE", "GET", "PUT") if one not in right)
        answer = nobody.request(wrong, route.path("x"))
        assert answer.status_code == 405, route
        assert route.method in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/debug",
        "/metrics",
        "/console",
        "/admin",
        "/static/x",
        "/.git/HEAD",
        "/.env",
        "/uploads/x",
        "/documents/x.md",
        "/data/secret_key",
        "/data/store.sqlite3",
        "/config.py",
        "/app/config.py",
        "/main.py",
        "/redoc",
        "/swagger",
        "/server-status",
        "/docs/css/../../x",
        "/docs/css/%2e%2e/%2e%2e/x",
        "/docs/css/..%2f..%2f..%2fsettings.py",
        "/docs/js/nothing.js",
        "/docs/img/x.png",
    ],
)
def test_nothing_else_is_there(nobody: httpx2.Client, path: str) -> None:
    answer = nobody.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
