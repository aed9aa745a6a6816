"""Turns of one chat in order: the store holds the queue, we wait at it."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from app.errors import ChatBusy, ChatNotFound, TurnInProgress
from app.models.assistant import Assistant
from app.models.chat import Chat, QueuedTurn
from app.models.message import Message

MOST_WAITING = 8
LONGEST_WAIT = 30.0
LOOK_AGAIN = 0.25


class Chats(Protocol):
    def get(self, chat_id: str) -> Chat | None: ...
    def dequeue(self, chat_id: str, turn_id: str) -> Chat | None: ...
    def withdraw(self, chat_id: str, turn_id: str) -> Chat | None: ...


class Messages(Protocol):
    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A contact's message that is to be answered, and its place in the queue."""

    queued: QueuedTurn
    assistant: Assistant
    chat: Chat
    message: Message

    @property
    def id(self) -> str:
        return self.queued.id


@dataclass(slots=True)
class _Place:
    reached: threading.Event = field(default_factory=threading.Event)
    left_behind: Turn | None = None
    silenced: bool = False


class TurnQueue:
    """This process's places in the chats' queues.

    A caller that has waited too long leaves its turn behind: it still comes, and
    ``run_late`` gets it when it reaches the head.
    """

    def __init__(
        self, *, chats: Chats, messages: Messages, longest_wait: float = LONGEST_WAIT
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._longest_wait = longest_wait
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()
        self.run_late: Callable[[Turn], None] = lambda _turn: None

    def take_place(self, turn_id: str) -> None:
        """Say that this process looks after the turn, before it is queued."""
        self._places[turn_id] = _Place()

    def give_up_place(self, turn_id: str) -> None:
        self._places.pop(turn_id, None)

    def looks_after(self, turn_id: str) -> bool:
        return turn_id in self._places

    def silence(self, chat: Chat) -> None:
        """Let no more words of this chat's turns out: a person has taken over."""
        for queued in chat.queue:
            if place := self._places.get(queued.id):
                place.silenced = True

    def is_silenced(self, turn_id: str) -> bool:
        place = self._places.get(turn_id)
        return place is not None and place.silenced

    def is_idle(self) -> bool:
        return not self._places

    def wait(self, turn: Turn) -> Chat:
        """Return the chat as it is when the turn has reached the head.

        Raises ChatBusy when more than 8 wait before it, or after 30 s: the turn
        is left behind then. Raises TurnInProgress when somebody else has ended
        it, ChatNotFound when the chat has gone.
        """
        place = self._places[turn.id]
        late = place.left_behind is not None
        chat = self._chats.get(turn.chat.id) if late else turn.chat
        give_up = time.monotonic() + self._longest_wait
        while True:
            if chat is None:
                raise ChatNotFound
            ahead = _ahead(chat, turn.id)
            if ahead == 0:
                return chat
            too_long = time.monotonic() >= give_up or self._is_long(chat, ahead)
            if too_long and self._leave_behind(place, turn):
                raise ChatBusy
            place.reached.wait(LOOK_AGAIN)
            chat = self._chats.get(turn.chat.id)

    def leave(self, chat_id: str, turn_id: str) -> None:
        """End a turn's place, and let the next one in.

        Where the store fails the place is given up all the same: the recovery then
        takes the turn out of the queue.
        """
        try:
            chat = self.dequeue(chat_id, turn_id)
        finally:
            self.give_up_place(turn_id)
        self.let_in_after(turn_id, chat)

    def withdraw(self, chat_id: str, turn_id: str) -> None:
        """Take back a turn whose message had come before; let the next one in."""
        try:
            chat = self._chats.withdraw(chat_id, turn_id)
        finally:
            self.give_up_place(turn_id)
        self.let_in_after(turn_id, chat)

    def dequeue(self, chat_id: str, turn_id: str) -> Chat | None:
        """Take a turn out of its chat's queue; the chat after it."""
        return self._chats.dequeue(chat_id, turn_id)

    def let_in_after(self, turn_id: str, chat: Chat | None) -> None:
        """Let in who is at the head now that a turn is out of the queue."""
        self.give_up_place(turn_id)
        if chat and chat.queue and (place := self._places.get(chat.queue[0].id)):
            self._let_in(place)

    def run_when_reached(self, turn: Turn) -> None:
        """Give a turn whose place is taken, and that no caller waits for, its run."""
        place = self._places[turn.id]
        place.left_behind = turn
        if turn.chat.queue[0].id == turn.id:
            self._let_in(place)

    def look_after_late(self) -> None:
        """Let in the turns left behind whose predecessors ended elsewhere."""
        for turn_id, place in list(self._places.items()):
            if place.left_behind and not place.reached.is_set():
                chat = self._chats.get(place.left_behind.chat.id)
                if chat is None:
                    self.give_up_place(turn_id)
                elif chat.queue and chat.queue[0].id == turn_id:
                    self._let_in(place)

    def _is_long(self, chat: Chat, ahead: int) -> bool:
        """Say whether too many wait.

        A copy of a message that comes twice at once is queued until it is known as
        one: it has no message of its own.
        """
        if ahead <= MOST_WAITING:
            return False
        waiting = {queued.message_id for queued in chat.queue[:ahead]}
        return len(self._messages.find_by_ids(chat.id, waiting)) > MOST_WAITING

    def _leave_behind(self, place: _Place, turn: Turn) -> bool:
        """Leave a turn to ``run_late``; False when it is let in at this moment."""
        with self._lock:
            if not place.reached.is_set():
                place.left_behind = turn
        return place.left_behind is not None

    def _let_in(self, place: _Place) -> None:
        with self._lock:
            late = None if place.reached.is_set() else place.left_behind
            place.reached.set()
        if late:
            self.run_late(late)


def _ahead(chat: Chat, turn_id: str) -> int:
    for position, queued in enumerate(chat.queue):
        if queued.id == turn_id:
            return position
    raise TurnInProgress
