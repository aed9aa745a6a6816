from typing import Any

from apiflask import APIBlueprint

from app.errors import InvalidInput
from app.models.chat import Chat, ChatFilter
from app.models.page import PageRequest
from app.routes.credentials import bot_reading_auth, reading_auth
from app.routes.paging import Listed, listed, next_link
from app.routes.schemas.chats import (
    ChatQuery,
    ChatRead,
    ExchangeRead,
    MessageRead,
    TimelineQuery,
)
from app.routes.schemas.common import list_of
from app.routes.shown_messages import shown
from app.routes.state import current_caller, services

bp = APIBlueprint("chats", __name__, url_prefix="/chats", tag="Chats")


@bp.get("/list")
@bp.auth_required(reading_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
@bp.doc(responses=[403, 404])
def list_chats(query: ChatQuery) -> Listed[Chat]:
    """List chats, latest activity first"""
    return _list(query, active=None)


@bp.get("/listarAtivos")
@bp.auth_required(reading_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
@bp.doc(responses=[403, 404])
def list_active_chats(query: ChatQuery) -> Listed[Chat]:
    """List the chats that the assistant answers"""
    return _list(query, active=True)


@bp.get("/listarInativos")
@bp.auth_required(reading_auth)
@bp.input(ChatQuery, location="query", arg_name="query")
@bp.output(list_of(ChatRead))
@bp.doc(responses=[403, 404])
def list_inactive_chats(query: ChatQuery) -> Listed[Chat]:
    """List the chats that the assistant does not answer"""
    return _list(query, active=False)


@bp.get("/get/<chat_id>")
@bp.auth_required(reading_auth)
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def get_chat(chat_id: str) -> Chat:
    """Get a chat by its id or its channel id"""
    return services().chats.get(current_caller(), chat_id)


@bp.get("/<chat_id>/messages")
@bp.auth_required(reading_auth)
@bp.input(TimelineQuery, location="query", arg_name="query")
@bp.output(list_of(MessageRead))
@bp.doc(responses=[403, 409])
def list_messages(chat_id: str, query: TimelineQuery) -> Listed[dict[str, Any]]:
    """Read a chat's timeline, oldest first"""
    part = services().chats.timeline(
        current_caller(),
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
    return [shown(message) for message in part.messages], headers


@bp.get("/<chat_id>/messages/<path:message_id>")
@bp.auth_required(bot_reading_auth)
@bp.output(ExchangeRead)
@bp.doc(responses=[403, 409])
def get_message(chat_id: str, message_id: str) -> dict[str, Any]:
    """Get one entry of a timeline; a bot gets what belongs to its own posts"""
    found = services().chats.message(current_caller(), chat_id, message_id)
    answer = found.answer
    return shown(found.message) | {
        "in_reply_to": found.message.in_reply_to,
        "response_id": answer.id if answer else None,
    }


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
        current_caller(),
        PageRequest(limit=query.limit, after=query.after),
        chosen,
        assistant_id=query.assistant_id,
    )
    return listed(page)
