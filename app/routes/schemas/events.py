from pydantic import Field

from app.routes.schemas.common import Input, Output, Text


class EventsQuery(Input):
    """``last_event_id`` stands for the header of that name, which goes before it."""

    assistant_id: Text | None = Field(None, max_length=64)
    chat_id: Text | None = Field(None, max_length=128)
    last_event_id: Text | None = Field(None, max_length=4096)
    ticket: Text | None = None


class TicketRead(Output):
    ticket: str
    expires_in: int
