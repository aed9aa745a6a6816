"""The one place where a failure becomes an answer."""

import logging
from collections.abc import Mapping
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, g, jsonify, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from app.errors import AppError
from app.texts import has_text, text

log = logging.getLogger(__name__)

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_input",
}
PLACES = {
    "reason": "reason.unclear",
    "expected": "expected.other",
    "limit": "limit.unknown",
}


def register_error_handlers(app: APIFlask) -> None:
    app.error_processor(_framework_error)  # first: it takes werkzeug's errors too
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(ValidationError, _validation_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def error_body(error: AppError, language: str, request_id: str) -> dict[str, Any]:
    """Return the body that tells of a failure, as ``contract.md`` shapes it."""
    fields = error.fields and {
        name: _field_text(words, language) for name, words in error.fields.items()
    }
    message = _message(error.words or error.code, language, error.details)
    return _body(error.code, message, request_id, fields, error.details)


def request_language() -> str:
    """Return the language that the caller asks for: ``en`` or ``pt``."""
    best = request.accept_languages.best_match(["en", "pt-BR", "pt"], "en")
    return best[:2]


def _message(words: str, language: str, details: Mapping[str, Any]) -> str:
    placed = {
        name: _field_text(value, language) if isinstance(value, str) else value
        for name, value in (PLACES | dict(details)).items()
    }
    return text(f"error.{words}", language, **placed)


def _body(
    code: str,
    message: str,
    request_id: str,
    fields: dict[str, str] | None,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    told = {name: value for name, value in details.items() if name not in PLACES}
    error: dict[str, Any] = {"code": code, "message": message, **told}
    if fields:
        error["fields"] = fields
    error["request_id"] = request_id
    return {"error": error}


def _app_error(error: AppError) -> Response:
    level = logging.WARNING if error.status >= 500 else logging.INFO  # noqa: PLR2004
    log.log(level, "request failed", extra={"code": error.code})
    response = jsonify(error_body(error, request_language(), g.request_id))
    response.status_code = error.status
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _validation_error(error: ValidationError) -> Response:
    language = request_language()
    problems = error.errors(include_url=False, include_input=False)
    fields = {
        ".".join(str(part) for part in problem["loc"]) or "body": _problem_text(
            problem, language
        )
        for problem in problems
        if not _follows(problem, problems)
    }
    message = _message("invalid_input", language, {})
    body = _body("invalid_input", message, g.request_id, fields, {})
    response = jsonify(body)
    response.status_code = 422
    return response


def _framework_error(error: HTTPError) -> Response:
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return _validation_error(cause)
    return _plain(error.status_code)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _plain(413, limit=_megabytes(request.max_content_length))
    if isinstance(error, UnsupportedMediaType):
        return _plain(415, expected="application/json")
    response = _plain(error.code or 500)
    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())
    return response


def _plain(status: int, **places: str) -> Response:
    code = CODES.get(status, "bad_request" if status < 500 else "internal_error")  # noqa: PLR2004
    message = _message(code, request_language(), places)
    body = _body(code, message, g.request_id, None, places)
    response = jsonify(body)
    response.status_code = status
    return response


def _unexpected(error: Exception) -> Response:
    log.error("request broke", exc_info=error)
    return _plain(500)


def _follows(problem: ErrorDetails, problems: list[ErrorDetails]) -> bool:
    """Tell whether a list is too short only for its elements that are wrong."""
    place = problem["loc"]
    return problem["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place)
        for other in problems
    )


def _problem_text(problem: ErrorDetails, language: str) -> str:
    key = f"field.{problem['type']}"
    if not has_text(key):
        return problem["msg"]
    values = problem.get("ctx", {})
    if isinstance(expected := values.get("expected"), str):
        values |= {"expected": expected.replace(" or ", ", ")}
    return text(key, language, **values)


def _field_text(words: str, language: str) -> str:
    return text(words, language) if has_text(words) else words


def _megabytes(limit: int | None) -> str:
    return f"{(limit or 0) / 1024 / 1024:g} MB"
