from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.errors import ChatAmbiguous, ChatNotFound
from app.models.chat import Chat, ChatFilter, ChatStatus
from app.models.message import Message
from app.models.page import Page, PageRequest
from app.models.user import User
from app.services.access import AccessService


class Chats(Protocol):
    def get(
        self, chat_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Chat | None: ...
    def find_by_channel_id(
        self, channel_id: str, *, assistant_ids: Sequence[str] | None
    ) -> list[Chat]: ...
    def list_page(
        self,
        request: PageRequest,
        chosen: ChatFilter,
        *,
        assistant_ids: Sequence[str] | None,
    ) -> Page[Chat]: ...
    def set_status(
        self, chat_id: str, status: ChatStatus, *, now: datetime
    ) -> Chat | None: ...


class Messages(Protocol):
    def list_between(
        self, chat_id: str, *, after: int | None, before: int | None, limit: int
    ) -> list[Message]: ...
    def count(self, chat_id: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePart:
    """Messages oldest first; ``more``: others follow in the asked direction."""

    messages: list[Message]
    total: int
    more: bool


class ChatService:
    """What people at the console read of conversations, and switch in them."""

    def __init__(
        self,
        *,
        chats: Chats,
        messages: Messages,
        access: AccessService,
        now: Callable[[], datetime],
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._access = access
        self._now = now

    def get(self, caller: User, chat_id: str) -> Chat:
        """Return a chat by its id or by its channel's id.

        Raises ChatNotFound, and ChatAmbiguous where the caller sees several chats
        of that channel id.
        """
        visible = self._access.assistant_ids(caller)
        if chat := self._chats.get(chat_id, assistant_ids=visible):
            return chat
        found = self._chats.find_by_channel_id(chat_id, assistant_ids=visible)
        if not found:
            raise ChatNotFound
        if len(found) > 1:
            raise ChatAmbiguous(candidates=[chat.id for chat in found])
        return found[0]

    def list_page(
        self,
        caller: User,
        request: PageRequest,
        chosen: ChatFilter,
        *,
        assistant_id: str | None = None,
    ) -> Page[Chat]:
        """Raises AssistantNotFound."""
        visible = self._access.assistant_ids(caller, assistant_id=assistant_id)
        return self._chats.list_page(request, chosen, assistant_ids=visible)

    def timeline(
        self,
        caller: User,
        chat_id: str,
        *,
        after: int | None,
        before: int | None,
        limit: int,
    ) -> TimelinePart:
        """Return messages after a ``seq`` or the last ones before one.

        Raises ChatNotFound, ChatAmbiguous.
        """
        chat = self.get(caller, chat_id)
        found = self._messages.list_between(
            chat.id, after=after, before=before, limit=limit + 1
        )
        backwards = before is not None and after is None
        more = len(found) > limit
        shown = found[-limit:] if backwards else found[:limit]
        return TimelinePart(
            messages=shown, total=self._messages.count(chat.id), more=more
        )

    def activate(self, caller: User, chat_id: str) -> Chat:
        """Let the assistant answer. Raises ChatNotFound, ChatAmbiguous."""
        return self._switch(caller, chat_id, ChatStatus.BOT)

    def deactivate(self, caller: User, chat_id: str) -> Chat:
        """Let nobody answer by itself. Raises ChatNotFound, ChatAmbiguous."""
        return self._switch(caller, chat_id, ChatStatus.INACTIVE)

    def _switch(self, caller: User, chat_id: str, status: ChatStatus) -> Chat:
        chat = self.get(caller, chat_id)
        changed = self._chats.set_status(chat.id, status, now=self._now())
        if changed is None:
            raise ChatNotFound
        return changed
