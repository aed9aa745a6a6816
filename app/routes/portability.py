from contextlib import ExitStack
from typing import Any, TypeVar
from urllib.parse import quote

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response, current_app
from pydantic import ValidationError

from app.errors import BadRequest, ImportRefused
from app.models.filenames import safe_name
from app.routes.assistants import shown
from app.routes.credentials import user_auth
from app.routes.schemas.assistants import AssistantCreated
from app.routes.schemas.common import Input
from app.routes.schemas.portability import (
    AssistantFile,
    AssistantImport,
    DocumentsFile,
)
from app.routes.state import current_user, services
from app.services.portability.package_format import (
    ASSISTANT,
    DOCUMENTS,
    FORMAT,
    VERSION,
    PackedDocument,
)

bp = APIBlueprint("portability", __name__, url_prefix="/assistants", tag="Assistants")

ZIP = "application/zip"
MOST_PROBLEMS = 100

Shape = TypeVar("Shape", bound=Input)


@bp.get("/<assistant_id>/export")
@bp.auth_required(user_auth)
@bp.output(FileSchema(), content_type=ZIP)
@bp.doc(
    description=(
        "A zip of `assistant.json` (prompt and settings), `documents.json` and the"
        " documents' files, for `/assistants/import`. It holds no keys, people, chats"
        " or ids."
    ),
    responses=[403, 503],
)
def export_assistant(assistant_id: str) -> Response:
    """Take an assistant out: prompt, settings and documents"""
    with ExitStack() as held:
        held.enter_context(services().stream_slots.slot())
        services().store.limit_time(None)  # it lasts as long as the reader takes
        assistant, parts = services().exports.export(current_user(), assistant_id)
        response = Response(parts, mimetype=ZIP)
        response.headers["Content-Disposition"] = _disposition(assistant.name)
        response.call_on_close(held.pop_all().close)
        return response


@bp.post("/import")
@bp.auth_required(user_auth)
@bp.input(AssistantImport, location="form_and_files", arg_name="body")
@bp.output(AssistantCreated, status_code=201)
@bp.doc(
    description=(
        "Makes a new assistant, with a new key, from the zip of an export; `name`"
        " instead of the one in it. Its documents are indexed as uploads are. All of"
        " it comes in, or nothing."
    ),
    responses=[409, 413, 415, 503, 507],
)
def import_assistant(
    body: AssistantImport,
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Bring an exported assistant in"""
    services().store.limit_time(None)  # it grows with the documents
    imports = services().imports
    with services().stream_slots.slot():
        package = imports.open(body.file.stream)
        settings = _read_settings(package.assistant)
        documents = _parsed(package.documents, DOCUMENTS)
        listed = _shaped(DocumentsFile, documents, DOCUMENTS).documents
        made = imports.create(
            current_user(),
            package,
            settings=settings | ({"name": body.name} if body.name else {}),
            documents=[PackedDocument(**one.model_dump()) for one in listed],
        )
    return shown(made), 201, {"Location": f"{bp.url_prefix}/get/{made.assistant.id}"}


def _disposition(name: str) -> str:
    filename = quote(f"{safe_name(name) or 'assistant'}.zip", safe="")
    return f"attachment; filename=assistant.zip; filename*=UTF-8''{filename}"


def _read_settings(data: bytes) -> dict[str, Any]:
    """Raises ImportRefused, InvalidInput, pydantic's ValidationError."""
    value = _parsed(data, ASSISTANT)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ImportRefused(reason="reason.import_format", entry=ASSISTANT)
    if value.get("version") != VERSION:
        raise ImportRefused(reason="reason.import_version", entry=ASSISTANT)
    return _shaped(AssistantFile, value, ASSISTANT).assistant.model_dump()


def _shaped(shape: type[Shape], value: Any, name: str) -> Shape:
    """Raises ImportRefused, pydantic's ValidationError."""
    try:
        return shape.model_validate(value)
    except ValidationError as exc:
        if exc.error_count() > MOST_PROBLEMS:  # telling them all takes much memory
            reason = "reason.import_fields"
            raise ImportRefused(reason=reason, entry=name) from None
        raise


def _parsed(data: bytes, name: str) -> Any:
    try:
        return current_app.json.loads(data)
    except BadRequest as exc:
        raise ImportRefused(reason="reason.import_json", entry=name) from exc
