from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import ChatAmbiguous, ChatNotFound, MessageNotFound
from app.models.api_key import ApiKey, KeyScope
from app.models.caller import Caller
from app.models.chat import Chat, ChatFilter
from app.models.message import Inbound, Message, MessageStatus
from app.models.page import Page, PageRequest
from app.services.access import AccessService
from app.services.repetitions import named_by_channel


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


class Messages(Protocol):
    def list_between(
        self, chat_id: str, *, after: int | None, before: int | None, limit: int
    ) -> list[Message]: ...
    def count(self, chat_id: str) -> int: ...
    def get(self, message_id: str) -> Message | None: ...
    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]: ...
    def find_answer(self, message_id: str) -> Message | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePart:
    """Messages oldest first; ``more``: others follow in the asked direction."""

    messages: list[Message]
    total: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One message; ``answer`` is what a contact's was answered with, if it was."""

    message: Message
    answer: Message | None


class ChatService:
    """What people and programs read of conversations."""

    def __init__(
        self,
        *,
        chats: Chats,
        messages: Messages,
        access: AccessService,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._access = access

    def get(self, caller: Caller, chat_id: str) -> Chat:
        """Return a chat by its id or by its channel's id.

        Raises ChatNotFound, and ChatAmbiguous where the caller sees several chats
        of that channel id.
        """
        return self._find(chat_id, self._access.assistant_ids(caller))

    def list_page(
        self,
        caller: Caller,
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
        caller: Caller,
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

    def message(self, caller: Caller, chat_id: str, message_id: str) -> Exchange:
        """Return one entry of a timeline, to a key that posts what it posted itself.

        Such a key may also name its message by the channel's own id. Raises
        ChatNotFound, ChatAmbiguous, MessageNotFound.
        """
        posting = isinstance(caller, ApiKey) and KeyScope.READ not in caller.scopes
        if isinstance(caller, ApiKey):
            chat = self._find(chat_id, [caller.assistant_id])
        else:
            chat = self.get(caller, chat_id)
        message = self._messages.get(message_id)
        if message is None and isinstance(caller, ApiKey):
            named = named_by_channel(chat.channel, message_id, key_id=caller.id)
            message = next((m for m, _ in self._messages.find_inbound(named)), None)
        if message is None or message.chat_id != chat.id:
            raise MessageNotFound
        if posting and isinstance(caller, ApiKey):
            self._check_posted(caller, message)
        answered = message.status is MessageStatus.ANSWERED
        answer = self._messages.find_answer(message.id) if answered else None
        return Exchange(message=message, answer=answer)

    def _check_posted(self, key: ApiKey, message: Message) -> None:
        """Raises MessageNotFound for what does not belong to the key's own posts."""
        asked = message.in_reply_to and self._messages.get(message.in_reply_to)
        if key.id not in {message.posted_by, asked and asked.posted_by}:
            raise MessageNotFound

    def _find(self, chat_id: str, visible: Sequence[str] | None) -> Chat:
        if chat := self._chats.get(chat_id, assistant_ids=visible):
            return chat
        found = self._chats.find_by_channel_id(chat_id, assistant_ids=visible)
        if not found:
            raise ChatNotFound
        if len(found) > 1:
            raise ChatAmbiguous(candidates=[chat.id for chat in found])
        return found[0]
