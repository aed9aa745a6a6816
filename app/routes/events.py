"""Live events, as server-sent events."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, request

from app.models.event import Position
from app.routes.connection import client_gone
from app.routes.credentials import events_auth
from app.routes.errors import request_language
from app.routes.event_stream import EVENT_STREAM, event_stream, frame
from app.routes.schemas.chats import ChatRead, MessageRead
from app.routes.schemas.common import Deleted, Output
from app.routes.schemas.documents import DocumentRead
from app.routes.schemas.events import EventsQuery
from app.routes.shown_documents import shown_document
from app.routes.shown_messages import shown
from app.routes.state import current_user, services
from app.services.event_hub import Reset
from app.services.live import Quiet, Step
from app.services.live_contents import ChatContents, Contents

bp = APIBlueprint("events", __name__, tag="Events")

RETRY_MS = 3000
RENDERED = 64
EXAMPLE = 'event: chat\nid: eyJhIjoxfQ\ndata: {"_id": "…", "status": "human"}\n\n'
REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPError"}}}
STREAM: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The events, without an end",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}, "example": EXAMPLE}},
    },
    404: {"description": "Not found", "content": REFUSAL},
    503: {"description": "Service Unavailable", "content": REFUSAL},
}


@bp.get("/events")
@bp.auth_required(events_auth)
@bp.input(EventsQuery, location="query", arg_name="query")
@bp.doc(
    description=(
        "Server-sent events: `message` (as in `/chats/<id>/messages`: new or changed),"
        " `chat` (as in `/chats/get/<id>`), `document` (as in `/documents/get/<id>`:"
        " new or changed), `document_deleted` (as `/documents/delete/<id>` answers)"
        " and `reset` (events were missed: read anew). `Last-Event-ID` continues"
        " after an event, at any server process."
    ),
    responses=STREAM,
)
def watch_events(query: EventsQuery) -> Response:
    """Follow what happens in chats and to documents"""
    return event_stream(_frames(query, request_language()))


def _frames(query: EventsQuery, language: str) -> Iterator[bytes]:
    told = request.headers.get("Last-Event-ID") or query.last_event_id
    after = Position.decode(told) if told else None
    user, session_id = current_user(), g.session_id
    with services().stream_slots.slot():
        steps = services().live.watch(
            user,
            session_id=session_id,
            assistant_id=query.assistant_id,
            chat_id=query.chat_id,
            after=after,
            gone=client_gone(),
        )
        services().store.limit_time(None)  # it may last for hours
        yield f": live events\nretry: {RETRY_MS}\n\n".encode()
        if told and after is None:
            yield frame("reset", "{}")
        for step in steps:
            yield _written(step, language)
        yield b": the end\n\n"


def _written(step: Step, language: str) -> bytes:
    event_id = step.position.encode()
    if isinstance(step, Quiet):
        return f": still here\nid: {event_id}\n\n".encode()
    if isinstance(step, Reset):
        return frame("reset", "{}", event_id=event_id)
    before, name, data = _rendered(step.contents, language)
    return before + frame(name, data, event_id=event_id)


@lru_cache(maxsize=RENDERED)
def _rendered(contents: Contents, language: str) -> tuple[bytes, str, str]:
    """Return all frames but the last, and the name and data of that one.

    Only the last frame of an event names its position: who is cut off before it
    gets the whole event again.
    """
    *before, (name, data) = _frames_of(contents, language)
    return b"".join(frame(*told) for told in before), name, data


def _frames_of(contents: Contents, language: str) -> list[tuple[str, str]]:
    if isinstance(contents, ChatContents):
        messages = [
            ("message", _json(MessageRead, shown(message, language)))
            for message in contents.messages
        ]
        return [*messages, ("chat", _json(ChatRead, contents.chat))]
    gone = [{"_id": document_id, "deleted": True} for document_id in contents.gone]
    return [
        *(
            ("document", _json(DocumentRead, shown_document(document, language)))
            for document in contents.documents
        ),
        *(("document_deleted", _json(Deleted, told)) for told in gone),
    ]


def _json(shape: type[Output], value: Any) -> str:
    return shape.model_validate(value).model_dump_json(by_alias=True)
