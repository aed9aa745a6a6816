"""What attendants do in conversations."""

from typing import Any

from apiflask import APIBlueprint

from app.models.chat import Chat
from app.routes.credentials import user_auth
from app.routes.schemas.chats import (
    Assignment,
    ChatRead,
    MessageCreated,
    Reason,
    Written,
)
from app.routes.shown_messages import shown
from app.routes.state import current_user, services

bp = APIBlueprint("attendance", __name__, url_prefix="/chats", tag="Attendance")


@bp.put("/ativar/<chat_id>")
@bp.auth_required(user_auth)
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def activate_chat(chat_id: str) -> Chat:
    """Let the assistant answer"""
    return services().attendance.activate(current_user(), chat_id)


@bp.put("/desativar/<chat_id>")
@bp.auth_required(user_auth)
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def deactivate_chat(chat_id: str) -> Chat:
    """Let nobody answer by itself"""
    return services().attendance.deactivate(current_user(), chat_id)


@bp.post("/<chat_id>/takeover")
@bp.auth_required(user_auth)
@bp.input(Reason, arg_name="body")
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def take_over_chat(chat_id: str, body: Reason) -> Chat:
    """Answer yourself; from now on no automatic answer is delivered"""
    return services().attendance.take_over(current_user(), chat_id, reason=body.reason)


@bp.post("/<chat_id>/release")
@bp.auth_required(user_auth)
@bp.input(Reason, arg_name="body")
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def release_chat(chat_id: str, body: Reason) -> Chat:
    """Hand the conversation back to the assistant"""
    return services().attendance.release(current_user(), chat_id, reason=body.reason)


@bp.post("/<chat_id>/assign")
@bp.auth_required(user_auth)
@bp.input(Assignment, arg_name="body")
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def assign_chat(chat_id: str, body: Assignment) -> Chat:
    """Let somebody answer, or whoever takes over next"""
    return services().attendance.assign(current_user(), chat_id, user_id=body.user_id)


@bp.post("/<chat_id>/messages")
@bp.auth_required(user_auth)
@bp.input(Written, arg_name="body")
@bp.output(MessageCreated, status_code=201)
@bp.doc(responses=[403, 409])
def write_message(
    chat_id: str, body: Written
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Write to the contact, or a note for the console alone"""
    message = services().attendance.write(
        current_user(), chat_id, text=body.text, note=body.note
    )
    location = f"{bp.url_prefix}/{message.chat_id}/messages/{message.id}"
    return shown(message) | {"object_id": message.id}, 201, {"Location": location}


@bp.post("/<chat_id>/close")
@bp.auth_required(user_auth)
@bp.input(Reason, arg_name="body")
@bp.output(ChatRead)
@bp.doc(responses=[403, 409])
def close_chat(chat_id: str, body: Reason) -> Chat:
    """End the conversation; a new message of the contact reopens it"""
    return services().attendance.close(current_user(), chat_id, reason=body.reason)
