from apiflask import APIBlueprint

from app.errors import InvalidInput
from app.models.chat import Chat, ChatFilter
from app.models.message import Message
from app.models.page import PageRequest
from app.routes.credentials import user_auth
from app.routes.paging import Listed, listed, next_link
from app.routes.schemas.chats import (
    ChatQuery,
    ChatRead,
    MessageRead,
    TimelineQuery,
)
from app.routes.schemas.common import list_of
from app.routes.state import current_user, services

bp = APIBlueprint("chats", __name__, url_prefix="/chats", tag="Chats")


@bp.get("/list")
@bp.auth_required(user_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
def list_chats(query: ChatQuery) -> Listed[Chat]:
    """List chats, latest activity first"""
    return _list(query, active=None)


@bp.get("/listarAtivos")
@bp.auth_required(user_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
def list_active_chats(query: ChatQuery) -> Listed[Chat]:
    """List the chats that the assistant answers"""
    return _list(query, active=True)


@bp.get("/listarInativos")
@bp.auth_required(user_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
def list_inactive_chats(query: ChatQuery) -> Listed[Chat]:
    """List the chats that the assistant does not answer"""
    return _list(query, active=False)


@bp.get("/get/<chat_id>")
@bp.auth_required(user_auth)
@bp.output(ChatRead)
def get_chat(chat_id: str) -> Chat:
    """Get a chat by its id or its channel id"""
    return services().chats.get(current_user(), chat_id)


@bp.get("/<chat_id>/messages")
@bp.auth_required(user_auth)
@bp.input(TimelineQuery, location="query", arg_name="query")
@bp.output(list_of(MessageRead))
def list_messages(chat_id: str, query: TimelineQuery) -> Listed[Message]:
    """Read a chat's timeline, oldest first"""
    part = services().chats.timeline(
        current_user(),
        chat_id,
        after=query.after_seq,
        before=query.before_seq,
        limit=query.limit,
    )
    headers: dict[str, str] = {"X-Total-Count": str(part.total)}
    if part.more and query.before_seq is not None and query.after_seq is None:
        headers["Link"] = next_link(before_seq=str(part.messages[0].seq))
    elif part.more:
        headers["Link"] = next_link(after_seq=str(part.messages[-1].seq))
    return part.messages, headers


@bp.put("/ativar/<chat_id>")
@bp.auth_required(user_auth)
@bp.output(ChatRead)
def activate_chat(chat_id: str) -> Chat:
    """Let the assistant answer"""
    return services().chats.activate(current_user(), chat_id)


@bp.put("/desativar/<chat_id>")
@bp.auth_required(user_auth)
@bp.output(ChatRead)
def deactivate_chat(chat_id: str) -> Chat:
    """Let nobody answer by itself"""
    return services().chats.deactivate(current_user(), chat_id)


def _list(query: ChatQuery, *, active: bool | None) -> Listed[Chat]:
    if query.status is not None and active not in {None, query.status == "bot"}:
        raise InvalidInput(fields={"status": "field.contradiction"})
    chosen = ChatFilter(
        message_service=query.message_service,
        status=query.status,
        active=active,
        start=query.q,
    )
    page = services().chats.list_page(
        current_user(),
        PageRequest(limit=query.limit, after=query.after),
        chosen,
        assistant_id=query.assistant_id,
    )
    return listed(page)
