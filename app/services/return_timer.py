import time
from collections.abc import Callable, Collection
from typing import Protocol

from app.models.attended import AttendedChat
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Author
from app.services.entries import Draft, Entries


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...


class Attended(Protocol):
    def list_attended(self, assistant_ids: Collection[str]) -> list[AttendedChat]: ...


class Assistants(Protocol):
    def return_minutes(self) -> dict[str, int]: ...


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
        attended: Attended,
        assistants: Assistants,
        entries: Entries,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chats = chats
        self._attended = attended
        self._assistants = assistants
        self._entries = entries
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self) -> None:
        """Return the chats whose time has come."""
        now = self._monotonic()
        minutes = self._assistants.return_minutes()
        chats = self._attended.list_attended(minutes.keys()) if minutes else []
        self._seen = {
            chat.id: (chat.attended, self._since(chat.id, chat.attended, now))
            for chat in chats
        }
        for chat in chats:
            silence = now - self._seen[chat.id][1]
            if silence >= minutes[chat.assistant_id] * 60:
                self._hand_back(chat.id, chat.attended)

    def _since(self, chat_id: str, attended: int, now: float) -> float:
        latest, since = self._seen.get(chat_id, (None, now))
        return since if latest == attended else now

    def _hand_back(self, chat_id: str, attended: int) -> None:
        chat = self._chats.get(chat_id)
        if chat is None:
            return
        draft = Draft(author=Author.SYSTEM, metadata={"event": "returned"})
        self._entries.append(
            chat,
            draft,
            lambda now, _at: (
                ChatState(status=ChatStatus.BOT, unread=now.state.unread)
                if now.state.attended == attended
                else None
            ),
        )
