"""The page that shows `/openapi.json`; nothing on it comes from another host."""

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

bp = Blueprint("docs", __name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Orquestradora API</title>
<link rel="stylesheet" href="/docs/css/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="page"></div>
<script src="/docs/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
"""
START = """\
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null,
});
"""


@bp.get("/docs")
def show_page() -> Response:
    return _guarded(Response(PAGE, mimetype="text/html"))


@bp.get("/docs/start.js")
def show_start() -> Response:
    return _guarded(Response(START, mimetype="text/javascript"))


@bp.get("/docs/<any(css, js):kind>/<name>")
def show_file(kind: str, name: str) -> Response:
    response = send_from_directory(_assets() / kind, name)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return _guarded(response)


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _assets() -> Path:
    """Return the folder of Swagger UI's files, found without importing its package."""
    spec = find_spec("flask_openapi_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("flask_openapi_swagger")
    return Path(spec.submodule_search_locations[0]) / "templates" / "swagger"
