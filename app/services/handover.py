"""What a contact's own words change: a person is asked for, or the bot again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.models.assistant import Assistant
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Author
from app.models.words import words
from app.services.entries import Draft, Entries


class Turns(Protocol):
    def silence(self, chat: Chat) -> None: ...


class Handover:
    """Changes a chat's state by what its contact writes.

    A keyword of ``takeover.contact_keywords`` anywhere in a message, as whole
    words, asks for a person: rather once too often. One of ``release_keywords``
    must be all that the message says. Case, accents and punctuation do not count.
    A message to a closed chat reopens it.
    """

    def __init__(self, *, entries: Entries, turns: Turns) -> None:
        self._entries = entries
        self._turns = turns

    def concerns(self, assistant: Assistant, chat: Chat, text: str) -> bool:
        """Tell whether this message changes the state of its chat."""
        takeover = assistant.takeover
        return (
            chat.status is ChatStatus.CLOSED
            or (
                chat.status is ChatStatus.BOT and _asks(text, takeover.contact_keywords)
            )
            or (
                chat.status is ChatStatus.HUMAN
                and _says(text, takeover.release_keywords)
            )
        )

    def consider(self, assistant: Assistant, chat: Chat, text: str) -> Chat:
        """Return the chat after this message's effect on it."""
        if chat.status is ChatStatus.CLOSED:
            chat = self._switch(chat, "reopened", _by_bot)
        takeover = assistant.takeover
        if chat.status is ChatStatus.BOT and _asks(text, takeover.contact_keywords):
            return self._switch(chat, "asked_for_person", _waiting)
        if chat.status is ChatStatus.HUMAN and _says(text, takeover.release_keywords):
            return self._switch(chat, "asked_for_bot", _by_bot)
        return chat

    def _switch(
        self, chat: Chat, event: str, state: Callable[[datetime], ChatState]
    ) -> Chat:
        before = chat.status
        draft = Draft(author=Author.SYSTEM, metadata={"event": event})

        def change(present: Chat, at: datetime) -> ChatState | None:
            if present.status is not before:
                return None
            return replace(state(at), unread=present.state.unread)

        changed, _ = self._entries.append(chat, draft, change)
        if not changed.active:
            self._turns.silence(changed)
        return changed


def _waiting(since: datetime) -> ChatState:
    return ChatState(status=ChatStatus.HUMAN, waiting_since=since)


def _by_bot(_at: datetime) -> ChatState:
    return ChatState(status=ChatStatus.BOT)


def _asks(text: str, keywords: Sequence[str]) -> bool:
    if not keywords:
        return False
    said = f" {_bare(text)} "
    return any(f" {_bare(keyword)} " in said for keyword in keywords)


def _says(text: str, keywords: Sequence[str]) -> bool:
    return bool(keywords) and _bare(text) in {_bare(keyword) for keyword in keywords}


def _bare(text: str) -> str:
    """Return the words of a text alone; where it has none, such as ``#``, itself."""
    return " ".join(words(text)) or text.strip()
