"""Documents coming in: one file, several, or a page of the web."""

from typing import Any

from apiflask import APIBlueprint
from flask import g

from app.models.document import Document
from app.routes.credentials import documents_auth
from app.routes.errors import error_body, request_language
from app.routes.schemas.common import list_of
from app.routes.schemas.documents import (
    DocumentCreated,
    DocumentUpload,
    DocumentUploads,
    PageAddress,
    UploadOutcome,
)
from app.routes.shown_documents import shown_document
from app.routes.state import current_caller, services
from app.services.knowledge.batches import Outcome

bp = APIBlueprint("uploads", __name__, url_prefix="/documents", tag="Documents")

Created = tuple[dict[str, Any], int, dict[str, str]]


@bp.post("/add")
@bp.auth_required(documents_auth)
@bp.input(DocumentUpload, location="form_and_files", arg_name="body")
@bp.output(DocumentCreated, status_code=201)
@bp.doc(responses=[403, 404, 409, 413, 415, 507])
def add_document(body: DocumentUpload) -> Created:
    """Upload a document: knowledge (`rag`) or the prompt (`prompt`)"""
    services().store.limit_time(None)  # it grows with the document
    made = services().documents.upload(
        current_caller(),
        assistant_id=body.assistant_id,
        document_type=body.type,
        filename=body.file.filename or "",
        data=body.file.read(),
        replacing=body.replace == "true",
    )
    return _created(made)


@bp.post("/add-many")
@bp.auth_required(documents_auth)
@bp.input(DocumentUploads, location="form_and_files", arg_name="body")
@bp.output(list_of(UploadOutcome))
@bp.doc(
    description=(
        "Up to 100 files of knowledge, each as large as in `/documents/add` and all of"
        " them five times that. The answer tells of each, in the order sent: its"
        " `document`, or the `error` that kept this one out."
    ),
    responses=[403, 404, 413],
)
def add_documents(body: DocumentUploads) -> list[dict[str, Any]]:
    """Upload several documents at once"""
    services().store.limit_time(None)  # it grows with the documents
    outcomes = services().batches.upload(
        current_caller(),
        assistant_id=body.assistant_id,
        files=((file.filename or "", file.read()) for file in body.files),
        replacing=body.replace == "true",
    )
    return [_shown(outcome) for outcome in outcomes]


@bp.post("/add-url")
@bp.auth_required(documents_auth)
@bp.input(PageAddress, arg_name="body")
@bp.output(DocumentCreated, status_code=201)
@bp.doc(
    description=(
        "The page, or file, is fetched once, now. The same address with `replace`"
        " fetches it again: the document keeps its name and shows `source_url`, and"
        " what has not changed is not read again. Only addresses of the public"
        " internet are asked, and of networks that the server's settings allow."
    ),
    responses=[403, 404, 409, 413, 415, 502, 503, 504, 507],
)
def add_page(body: PageAddress) -> Created:
    """Add what stands at an address of the web as a document"""
    with services().fetch_slots.slot(), services().stream_slots.slot():
        made = services().pages.add(
            current_caller(),
            assistant_id=body.assistant_id,
            url=body.url,
            filename=body.filename,
            replacing=body.replace,
        )
    return _created(made)


def _created(made: Document) -> Created:
    return shown_document(made), 201, {"Location": f"{bp.url_prefix}/get/{made.id}"}


def _shown(outcome: Outcome) -> dict[str, Any]:
    document, error = outcome.document, outcome.error
    shown = error and error_body(error, request_language(), g.request_id)["error"]
    return {
        "filename": outcome.filename,
        "document": document and shown_document(document),
        "error": shown,
    }
