"""The bot's door: a contact's message in, its answer out."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, request

from app.errors import AppError, Busy, InvalidInput
from app.models.chat import Channel
from app.models.turn import Post, TurnResult
from app.routes.connection import client_gone
from app.routes.credentials import key_auth
from app.routes.errors import error_body, request_language
from app.routes.event_stream import EVENT_STREAM, Event, stream
from app.routes.json import bad_characters
from app.routes.schemas.chats import Post as PostBody
from app.routes.schemas.chats import TurnRead
from app.routes.state import current_key, services
from app.services.turn_queue import Turn
from app.services.turns import Listener

bp = APIBlueprint("posting", __name__, url_prefix="/chats", tag="Bot")

log = logging.getLogger(__name__)

LONGEST_KEY = 256


@bp.post("/enviarMensagemLLM")
@bp.auth_required(key_auth)
@bp.input(PostBody, arg_name="body")
@bp.output(TurnRead)
@bp.doc(
    description=(
        "Stores a contact's message and answers it. With `Accept: text/event-stream`"
        " the same turn is streamed: events `delta`, then `done` or `error`. A"
        " repetition, by the header `Idempotency-Key` or by `message_id`, gets the"
        " same answer with `Idempotency-Replayed: true`."
    ),
    responses=[403, 404, 409, 502, 503, 504, 507],
)
def post_message(body: PostBody) -> Response | tuple[TurnResult, int, dict[str, str]]:
    """Send a contact's message and get the answer"""
    with ExitStack() as held:
        held.enter_context(services().turn_slots.slot())
        taken = services().intake.accept(current_key(), _post(body))
        if isinstance(taken, Turn) and _wants_stream():
            return _stream(taken, held.pop_all())
        result = _run(taken)
    if _wants_stream():
        return stream(iter([("done", _body(result))]), at_end=lambda: None)
    headers = {"Idempotency-Replayed": "true"} if result.replayed else {}
    return result, 200, headers


def _post(body: PostBody) -> Post:
    key = request.headers.get("Idempotency-Key") or None
    if key is not None and (len(key) > LONGEST_KEY or bad_characters(key)):
        raise InvalidInput(fields={"Idempotency-Key": "field.idempotency_key"})
    return Post(
        channel=Channel(id=body.id, message_service=body.message_service),
        username=body.username,
        active=body.active,
        text=body.message,
        message_id=body.message_id,
        idempotency_key=key,
        metadata=body.metadata,
    )


def _run(taken: Turn | TurnResult) -> TurnResult:
    if isinstance(taken, TurnResult):
        return taken
    listener = Listener(gone=client_gone())
    *_, last = services().turns.answer(taken, listener)
    if not isinstance(last, TurnResult):
        raise TypeError(last)
    return last


def _events(turn: Turn) -> Iterator[Event]:
    """Return the turn as named events; its end is ``done`` or ``error``."""
    language, request_id = request_language(), g.request_id
    listener = Listener(live=True, gone=client_gone())
    events = services().turns.answer(turn, listener)

    def run() -> Iterator[Event]:
        try:
            for event in events:
                if isinstance(event, TurnResult):
                    yield "done", _body(event)
                else:
                    yield "delta", {"text": event.text}
        except AppError as exc:
            yield "error", error_body(exc, language, request_id)
        except Exception:
            log.exception("turn broke")
            yield "error", error_body(AppError(), language, request_id)

    return run()


def _stream(turn: Turn, held: ExitStack) -> Response:
    try:
        return stream(_events(turn), at_end=held.close)
    except RuntimeError as exc:  # the system gives no further thread
        services().turns.abandon(turn)
        held.close()
        raise Busy from exc


def _wants_stream() -> bool:
    asked = request.headers.get("Accept", "")
    return EVENT_STREAM in asked and request.accept_mimetypes.best == EVENT_STREAM


def _body(result: TurnResult) -> dict[str, Any]:
    return TurnRead.model_validate(result).model_dump(mode="json", by_alias=True)
