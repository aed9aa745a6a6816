from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint

from app.models.page import Page, PageRequest
from app.models.user import User
from app.routes.credentials import user_auth
from app.routes.paging import Listed, listed
from app.routes.schemas.common import Paging, list_of, refuse_null
from app.routes.schemas.users import (
    AccountCreated,
    AccountRead,
    UserCreate,
    UserUpdate,
)
from app.routes.state import current_user, services

bp = APIBlueprint("users", __name__, url_prefix="/users", tag="Users")


@bp.get("")
@bp.auth_required(user_auth)
@bp.input(Paging, location="query", arg_name="query")
@bp.output(list_of(AccountRead))
@bp.doc(responses=[403])
def list_users(query: Paging) -> Listed[dict[str, Any]]:
    """List users, newest first (administrators)"""
    page = services().users.list_page(
        current_user(), PageRequest(limit=query.limit, after=query.after)
    )
    shown = [_shown(user) for user in page.items]
    return listed(Page(items=shown, total=page.total, next=page.next))


@bp.post("")
@bp.auth_required(user_auth)
@bp.input(UserCreate, arg_name="body")
@bp.output(AccountCreated, status_code=201)
@bp.doc(responses=[403, 409, 503])
def create_user(body: UserCreate) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a user (administrators)"""
    made = services().users.create(current_user(), **body.model_dump())
    return _shown(made), 201, {"Location": f"{bp.url_prefix}/{made.id}"}


@bp.get("/<user_id>")
@bp.auth_required(user_auth)
@bp.output(AccountRead)
@bp.doc(responses=[403])
def get_user(user_id: str) -> dict[str, Any]:
    """Show a user (administrators)"""
    return _shown(services().users.get(current_user(), user_id))


@bp.patch("/<user_id>")
@bp.auth_required(user_auth)
@bp.input(UserUpdate, arg_name="body")
@bp.output(AccountRead)
@bp.doc(responses=[403, 409, 503])
def update_user(user_id: str, body: UserUpdate) -> dict[str, Any]:
    """Change a user (administrators)

    A new password, another role and disabling end the user's sign-ins.
    """
    changes = body.model_dump(exclude_unset=True)
    refuse_null(changes, changes)
    return _shown(services().users.update(current_user(), user_id, changes))


def _shown(user: User) -> dict[str, Any]:
    return asdict(user) | {"_id": user.id}
