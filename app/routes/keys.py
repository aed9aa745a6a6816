from typing import Any

from apiflask import APIBlueprint

from app.models.api_key import ApiKey
from app.models.page import Page, PageRequest
from app.routes.credentials import user_auth
from app.routes.paging import Listed, listed
from app.routes.schemas.common import Deleted, Paging, list_of
from app.routes.schemas.keys import KeyCreate, KeyCreated, KeyRead
from app.routes.state import current_user, services
from app.services.api_keys import PREFIX

bp = APIBlueprint("keys", __name__, url_prefix="/assistants", tag="Assistants")


@bp.get("/<assistant_id>/keys")
@bp.auth_required(user_auth)
@bp.input(Paging, location="query", arg_name="query")
@bp.output(list_of(KeyRead))
@bp.doc(responses=[403])
def list_keys(assistant_id: str, query: Paging) -> Listed[dict[str, Any]]:
    """List the further keys, newest first"""
    page = services().assistants.list_keys(
        current_user(), assistant_id, PageRequest(limit=query.limit, after=query.after)
    )
    shown = [_shown(key) for key in page.items]
    return listed(Page(items=shown, total=page.total, next=page.next))


@bp.post("/<assistant_id>/keys")
@bp.auth_required(user_auth)
@bp.input(KeyCreate, arg_name="body")
@bp.output(KeyCreated, status_code=201)
@bp.doc(responses=[403, 409])
def create_key(
    assistant_id: str, body: KeyCreate
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make a further key; its secret is shown this once"""
    issued = services().assistants.issue_key(
        current_user(), assistant_id, **body.model_dump()
    )
    location = f"{bp.url_prefix}/{assistant_id}/keys/{issued.key.id}"
    shown = _shown(issued.key) | {"id": issued.key.id, "secret": issued.secret}
    return shown, 201, {"Location": location}


@bp.get("/<assistant_id>/keys/<key_id>")
@bp.auth_required(user_auth)
@bp.output(KeyRead)
@bp.doc(responses=[403])
def get_key(assistant_id: str, key_id: str) -> dict[str, Any]:
    """Show a further key"""
    return _shown(services().assistants.get_key(current_user(), assistant_id, key_id))


@bp.delete("/<assistant_id>/keys/<key_id>")
@bp.auth_required(user_auth)
@bp.output(Deleted)
@bp.doc(responses=[403])
def delete_key(assistant_id: str, key_id: str) -> dict[str, Any]:
    """Delete a further key; it opens nothing from then on"""
    services().assistants.revoke_key(current_user(), assistant_id, key_id)
    return {"_id": key_id, "deleted": True}


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "_id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "hint": f"{PREFIX}…{key.hint}",
        "expires_at": key.expires_at,
        "created_at": key.created_at,
    }
