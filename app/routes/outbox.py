"""What the bot has to bring to its contacts."""

from apiflask import APIBlueprint
from flask import request

from app.models.outbox import Delivery
from app.routes.credentials import key_auth
from app.routes.schemas.chats import DeliveryRead, OutboxQuery
from app.routes.schemas.common import list_of
from app.routes.state import current_key, services

bp = APIBlueprint("outbox", __name__, url_prefix="/chats", tag="Bot")


@bp.get("/outbox")
@bp.auth_required(key_auth)
@bp.input(OutboxQuery, location="query", arg_name="query")
@bp.output(list_of(DeliveryRead))
@bp.doc(
    description=(
        "Attendants' messages, and answers that no POST returned any more, oldest"
        " first. `after` acknowledges a message and those given before it; what is"
        " not acknowledged comes again. With `wait` the answer comes as soon as there"
        " is something, or after so many seconds."
    ),
    responses=[403, 503],
)
def get_outbox(query: OutboxQuery) -> list[Delivery]:
    """Get what is to be delivered to contacts"""
    outbox, key = services().outbox, current_key()
    if query.after is not None:
        outbox.acknowledge(key, query.after)
    found = outbox.next(key)
    if found or not query.wait:
        return found
    secret = request.headers["X-API-Key"]
    with services().stream_slots.slot():
        return outbox.wait(
            key,
            query.wait,
            allowed=lambda: services().api_keys.authenticate(secret),
        )
