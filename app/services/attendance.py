"""People in conversations: they take over, write, pass on, hand back, close."""

from datetime import datetime
from typing import Protocol

from app.errors import ChatAssigned, ChatNotHuman, InvalidInput
from app.models.assistant import Assistant, AssistantRole
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Author, Message
from app.models.user import User
from app.services.access import AccessService
from app.services.chats import ChatService
from app.services.entries import Change, Draft, Entries


class Users(Protocol):
    def get(self, user_id: str) -> User | None: ...


class Turns(Protocol):
    def silence(self, chat: Chat) -> None: ...


class AttendanceService:
    """What attendants do; each act is an entry on the timeline with who and when.

    From the write of a takeover on no automatic answer is delivered. Every method
    raises ChatNotFound and ChatAmbiguous, and Forbidden below the role attendant.
    """

    def __init__(
        self,
        *,
        chats: ChatService,
        entries: Entries,
        access: AccessService,
        users: Users,
        turns: Turns,
    ) -> None:
        self._chats = chats
        self._entries = entries
        self._access = access
        self._users = users
        self._turns = turns

    def take_over(self, caller: User, chat_id: str, *, reason: str | None) -> Chat:
        """Let the caller answer. Raises ChatAssigned when somebody else does."""

        def change(chat: Chat, _at: datetime) -> ChatState | None:
            if chat.status is ChatStatus.HUMAN:
                if chat.state.assigned_to == caller.id:
                    return None
                if chat.state.assigned_to:
                    raise ChatAssigned(assigned_to=chat.state.assigned_to)
            return _attended_by(caller.id, chat)

        return self._act(caller, chat_id, "takeover", change, reason=reason)

    def release(self, caller: User, chat_id: str, *, reason: str | None) -> Chat:
        """Let the assistant answer again. Raises ChatNotHuman."""

        def change(chat: Chat, _at: datetime) -> ChatState | None:
            if chat.status is ChatStatus.BOT:
                return None
            if chat.status is not ChatStatus.HUMAN:
                raise ChatNotHuman
            return ChatState(status=ChatStatus.BOT)

        return self._act(caller, chat_id, "release", change, reason=reason)

    def assign(self, caller: User, chat_id: str, *, user_id: str | None) -> Chat:
        """Let somebody answer; None: whoever takes over next.

        Raises InvalidInput for somebody who may not.
        """
        chat = self._attended(caller, chat_id)
        assistant = self._access.assistant(caller, chat.assistant_id)
        name = self._attendant(assistant, user_id).name if user_id else None

        def change(chat: Chat, at: datetime) -> ChatState | None:
            human = chat.status is ChatStatus.HUMAN
            if human and chat.state.assigned_to == user_id:
                return None
            attended = chat.state.attended if human else None
            if user_id:
                attended = chat.last_seq + 1
            return ChatState(
                status=ChatStatus.HUMAN,
                assigned_to=user_id,
                waiting_since=None if user_id else at,
                attended=attended,
                unread=chat.state.unread,
            )

        event = "assign" if user_id else "unassign"
        to = {"assigned_to": user_id, "assigned_name": name}
        return self._append(caller, chat, event, change, **to)

    def write(self, caller: User, chat_id: str, *, text: str, note: bool) -> Message:
        """Write to the contact, or a note that only the console shows.

        Who writes to the contact takes the chat over, unless another attendant has.
        """
        chat = self._attended(caller, chat_id)

        def change(chat: Chat, _at: datetime) -> ChatState:
            if note:
                return chat.state
            human = chat.status is ChatStatus.HUMAN
            return _attended_by(
                (chat.state.assigned_to if human else None) or caller.id, chat
            )

        draft = Draft(
            author=Author.ATTENDANT,
            text=text,
            metadata={"user_id": caller.id, "name": caller.name},
            deliver=not note,
        )
        changed, message = self._entries.append(chat, draft, change)
        if message is None:
            raise TypeError(change)  # it never declines
        if not changed.active:
            self._turns.silence(changed)
        return message

    def close(self, caller: User, chat_id: str, *, reason: str | None) -> Chat:
        """End the conversation; a new message of the contact reopens it."""
        change = _unless(ChatStatus.CLOSED)
        return self._act(caller, chat_id, "close", change, reason=reason)

    def activate(self, caller: User, chat_id: str) -> Chat:
        """Let the assistant answer."""
        return self._act(caller, chat_id, "activate", _unless(ChatStatus.BOT))

    def deactivate(self, caller: User, chat_id: str) -> Chat:
        """Let nobody answer by itself."""
        return self._act(caller, chat_id, "deactivate", _unless(ChatStatus.INACTIVE))

    def _act(
        self,
        caller: User,
        chat_id: str,
        event: str,
        change: Change,
        **metadata: str | None,
    ) -> Chat:
        chat = self._attended(caller, chat_id)
        return self._append(caller, chat, event, change, **metadata)

    def _append(
        self,
        caller: User,
        chat: Chat,
        event: str,
        change: Change,
        **metadata: str | None,
    ) -> Chat:
        told = {"event": event, "user_id": caller.id, "name": caller.name}
        told |= {name: value for name, value in metadata.items() if value is not None}
        draft = Draft(author=Author.SYSTEM, metadata=told)
        changed, _ = self._entries.append(chat, draft, change)
        if not changed.active:
            self._turns.silence(changed)
        return changed

    def _attended(self, caller: User, chat_id: str) -> Chat:
        chat = self._chats.get(caller, chat_id)
        self._access.check(caller, chat.assistant_id, role=AssistantRole.ATTENDANT)
        return chat

    def _attendant(self, assistant: Assistant, user_id: str) -> User:
        user = self._users.get(user_id)
        role = self._access.role(user, assistant) if user and user.active else None
        if user is None or role is None or role < AssistantRole.ATTENDANT:
            raise InvalidInput(fields={"user_id": "field.no_attendant"})
        return user


def _attended_by(user_id: str, chat: Chat) -> ChatState:
    return ChatState(
        status=ChatStatus.HUMAN, assigned_to=user_id, attended=chat.last_seq + 1
    )


def _unless(status: ChatStatus) -> Change:
    """Return the change to a state in which nobody is assigned, or none."""
    return lambda chat, _at: None if chat.status is status else ChatState(status=status)
