import time
from collections.abc import Callable
from typing import Protocol

from app.models.assistant import Assistant
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Author
from app.services.entries import Draft, Entries


class Chats(Protocol):
    def list_attended(self) -> list[Chat]: ...


class Assistants(Protocol):
    def get(self, assistant_id: str) -> Assistant | None: ...


class ReturnTimer:
    """Hands a chat back to the assistant when its attendant has been silent long.

    The time is measured from when this process first saw the attendant's latest
    entry, by its monotonic clock: a wall clock that jumps returns no chat too
    early, and after a restart the time begins anew.
    """

    def __init__(
        self,
        *,
        chats: Chats,
        assistants: Assistants,
        entries: Entries,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chats = chats
        self._assistants = assistants
        self._entries = entries
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self) -> None:
        """Return the chats whose time has come."""
        now = self._monotonic()
        chats = self._chats.list_attended()
        minutes = self._minutes({chat.assistant_id for chat in chats})
        timed = {
            chat.id: (chat, chat.state.attended, minutes[chat.assistant_id])
            for chat in chats
            if chat.state.attended is not None and chat.assistant_id in minutes
        }
        self._seen = {
            chat_id: (attended, self._since(chat_id, attended, now))
            for chat_id, (_, attended, _) in timed.items()
        }
        for chat_id, (chat, _, limit) in timed.items():
            if now - self._seen[chat_id][1] >= limit * 60:
                self._hand_back(chat)

    def _since(self, chat_id: str, attended: int, now: float) -> float:
        latest, since = self._seen.get(chat_id, (None, now))
        return since if latest == attended else now

    def _minutes(self, assistant_ids: set[str]) -> dict[str, int]:
        found = [self._assistants.get(assistant_id) for assistant_id in assistant_ids]
        return {
            assistant.id: assistant.takeover.return_after_minutes
            for assistant in found
            if assistant and assistant.takeover.return_after_minutes
        }

    def _hand_back(self, chat: Chat) -> None:
        attended = chat.state.attended
        draft = Draft(author=Author.SYSTEM, metadata={"event": "returned"})
        self._entries.append(
            chat,
            draft,
            lambda now: (
                ChatState(status=ChatStatus.BOT, unread=now.state.unread)
                if now.state.attended == attended
                else None
            ),
        )
