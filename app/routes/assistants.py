from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from apiflask import APIBlueprint

from app.errors import InvalidInput
from app.models.assistant import AssistantRole
from app.models.page import Page, PageRequest
from app.routes.credentials import user_auth
from app.routes.paging import Listed, listed
from app.routes.schemas.assistants import (
    AssistantCreate,
    AssistantCreated,
    AssistantRead,
    AssistantUpdate,
    KeyRotation,
)
from app.routes.schemas.common import Deleted, Paging, list_of, refuse_null
from app.routes.state import current_user, services
from app.services.assistants import KeyedAssistant

bp = APIBlueprint("assistants", __name__, url_prefix="/assistants", tag="Assistants")

READ_ONLY = ("object_id", "id", "api_key", "created_at", "updated_at")
NOT_NULL = (
    "name",
    "owner_id",
    "instructions",
    "retrieval",
    "history",
    "members",
    "takeover",
)


@bp.post("/add")
@bp.auth_required(user_auth)
@bp.input(AssistantCreate, arg_name="body")
@bp.output(AssistantCreated, status_code=201)
@bp.doc(responses=[403])
def create_assistant(
    body: AssistantCreate,
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create an assistant"""
    made = services().assistants.create(current_user(), **body.model_dump())
    location = f"{bp.url_prefix}/get/{made.assistant.id}"
    return shown(made), 201, {"Location": location}


@bp.get("/list")
@bp.auth_required(user_auth)
@bp.input(Paging, location="query", arg_name="query")
@bp.output(list_of(AssistantRead))
def list_assistants(query: Paging) -> Listed[dict[str, Any]]:
    """List assistants, newest first"""
    page = services().assistants.list_page(
        current_user(), PageRequest(limit=query.limit, after=query.after)
    )
    items = [shown(keyed) for keyed in page.items]
    return listed(Page(items=items, total=page.total, next=page.next))


@bp.get("/get/<assistant_id>")
@bp.auth_required(user_auth)
@bp.output(AssistantRead)
def get_assistant(assistant_id: str) -> dict[str, Any]:
    """Get an assistant"""
    return shown(services().assistants.get(current_user(), assistant_id))


@bp.put("/update/<assistant_id>")
@bp.auth_required(user_auth)
@bp.input(AssistantUpdate, arg_name="body")
@bp.output(AssistantRead)
@bp.doc(responses=[403])
def update_assistant(assistant_id: str, body: AssistantUpdate) -> dict[str, Any]:
    """Change an assistant"""
    present = services().assistants.get(
        current_user(), assistant_id, role=AssistantRole.EDITOR
    )
    changes = body.model_dump(exclude_unset=True)
    refuse_null(changes, NOT_NULL)
    fixed = READ_ONLY if current_user().is_admin else (*READ_ONLY, "owner_id")
    _refuse_changed(present, {n: changes.pop(n) for n in fixed if n in changes})
    return shown(services().assistants.update(current_user(), assistant_id, changes))


@bp.delete("/delete/<assistant_id>")
@bp.auth_required(user_auth)
@bp.output(Deleted)
@bp.doc(responses=[403])
def delete_assistant(assistant_id: str) -> dict[str, Any]:
    """Delete an assistant and all that hangs on it"""
    services().store.limit_time(None)  # it grows with what hangs on it
    services().assistants.delete(current_user(), assistant_id)
    return {"_id": assistant_id, "deleted": True}


@bp.post("/<assistant_id>/rotate-key")
@bp.auth_required(user_auth)
@bp.input(KeyRotation, arg_name="body")
@bp.output(AssistantRead)
@bp.doc(responses=[403])
def rotate_key(assistant_id: str, body: KeyRotation) -> dict[str, Any]:
    """Replace the key; the old one opens during the grace"""
    grace = timedelta(seconds=body.grace_seconds)
    return shown(
        services().assistants.rotate_key(current_user(), assistant_id, grace=grace)
    )


def shown(keyed: KeyedAssistant) -> dict[str, Any]:
    assistant = asdict(keyed.assistant)
    return {**assistant, "_id": keyed.assistant.id, "api_key": keyed.api_key}


def _refuse_changed(present: KeyedAssistant, given: dict[str, Any]) -> None:
    """Raises InvalidInput for read-only fields that differ from what they are."""
    assistant = present.assistant
    key = given.get("api_key") or present.api_key
    same = {
        "object_id": given.get("object_id") == assistant.id,
        "id": given.get("id") == assistant.id,
        "api_key": key == present.api_key,
        "owner_id": given.get("owner_id") == assistant.owner_id,
        "created_at": _instant(given.get("created_at")) == assistant.created_at,
        "updated_at": _instant(given.get("updated_at")) == assistant.updated_at,
    }
    names = {"object_id": "_id", "created_at": "createdAt", "updated_at": "updatedAt"}
    differing = [names.get(name, name) for name in given if not same[name]]
    if differing:
        raise InvalidInput(fields=dict.fromkeys(differing, "field.read_only"))


def _instant(value: str | None) -> datetime | None:
    """Read an ISO 8601 time; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
