import unicodedata
from typing import Any

from apiflask import APIBlueprint
from apiflask.schemas import FileSchema
from flask import Response, send_file

from app.models.document import DocumentFilter
from app.models.page import Page, PageRequest
from app.routes.credentials import documents_auth
from app.routes.paging import Listed, listed
from app.routes.schemas.common import Deleted, list_of
from app.routes.schemas.documents import (
    DocumentQuery,
    DocumentRead,
    PathRead,
    Waiting,
)
from app.routes.shown_documents import shown_document
from app.routes.state import current_caller, services

bp = APIBlueprint("documents", __name__, url_prefix="/documents", tag="Documents")

SANDBOX = "default-src 'none'; sandbox"
CONTROLS = {"Cc", "Cs", "Zl", "Zp"}


@bp.get("/list")
@bp.auth_required(documents_auth)
@bp.input(DocumentQuery, location="query", arg_name="query")
@bp.output(list_of(DocumentRead))
@bp.doc(responses=[403, 404])
def list_documents(query: DocumentQuery) -> Listed[dict[str, Any]]:
    """List documents, newest first"""
    page = services().documents.list_page(
        current_caller(),
        PageRequest(limit=query.limit, after=query.after),
        DocumentFilter(type=query.type, status=query.status),
        assistant_id=query.assistant_id,
    )
    shown = [shown_document(document) for document in page.items]
    return listed(Page(items=shown, total=page.total, next=page.next))


@bp.get("/get/<document_id>")
@bp.auth_required(documents_auth)
@bp.input(Waiting, location="query", arg_name="query")
@bp.output(DocumentRead)
@bp.doc(
    description=(
        "`status` says whether the document is searchable; until then `progress`"
        " grows from 0 to 1. With `wait` the answer comes when it is, or has failed,"
        " or after so many seconds."
    ),
    responses=[403, 503],
)
def get_document(document_id: str, query: Waiting) -> dict[str, Any]:
    """Get a document's record"""
    documents, caller = services().documents, current_caller()
    found = documents.get(caller, document_id)
    if query.wait and found.is_waiting:
        with services().stream_slots.slot():
            found = documents.wait(caller, document_id, query.wait)
    return shown_document(found)


@bp.post("/<document_id>/reindex")
@bp.auth_required(documents_auth)
@bp.output(DocumentRead, status_code=202)
@bp.doc(responses=[403])
def reindex_document(document_id: str) -> dict[str, Any]:
    """Read a document again; until then what is known of it stays"""
    return shown_document(
        services().documents.index_again(current_caller(), document_id)
    )


@bp.get("/path/get/<document_id>")
@bp.auth_required(documents_auth)
@bp.output(PathRead)
@bp.doc(responses=[403])
def get_document_path(document_id: str) -> dict[str, str]:
    """Get a document's place in the documents folder"""
    return _path(document_id)


@bp.put("/path/get/<document_id>")
@bp.auth_required(documents_auth)
@bp.output(PathRead)
@bp.doc(responses=[403])
def put_document_path(document_id: str) -> dict[str, str]:
    """Get a document's place, as the original's clients ask for it"""
    return _path(document_id)


@bp.get("/download/<document_id>")
@bp.auth_required(documents_auth)
@bp.output(FileSchema(), content_type="application/octet-stream")
@bp.doc(responses=[403])
def download_document(document_id: str) -> Response:
    """Download a document"""
    document, path = services().documents.file(current_caller(), document_id)
    response = send_file(
        path,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=_header_name(document.filename),
        conditional=False,
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.delete("/delete/<document_id>")
@bp.auth_required(documents_auth)
@bp.output(Deleted)
@bp.doc(responses=[403])
def delete_document(document_id: str) -> dict[str, Any]:
    """Delete a document and every trace of it"""
    services().store.limit_time(None)  # it grows with the document
    services().documents.delete(current_caller(), document_id)
    return {"_id": document_id, "deleted": True}


def _header_name(filename: str) -> str:
    """Return ``filename`` as a header can carry it: without control characters."""
    return "".join(c for c in filename if unicodedata.category(c) not in CONTROLS)


def _path(document_id: str) -> dict[str, str]:
    return {"path": services().documents.get(current_caller(), document_id).filepath}
