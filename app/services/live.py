"""What people watch of conversations and documents while it happens."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from app.errors import (
    AppError,
    AssistantNotFound,
    ChatNotFound,
    Forbidden,
    Unauthorized,
)
from app.models.caller import Caller
from app.models.chat import Chat
from app.models.event import ChatEvent, Event, Position
from app.models.user import User
from app.services.event_hub import Reset, Subscription, Wanted
from app.services.live_contents import Contents, LiveContents

log = logging.getLogger(__name__)

CHECK_EVERY = 0.7
LONGEST_UNCHECKED = 3.0
HEARTBEAT = 15.0


class Auth(Protocol):
    def authenticate(self, *, user_id: str, session_id: str) -> User: ...


class Access(Protocol):
    def assistant_ids(
        self, caller: Caller, *, assistant_id: str | None = None
    ) -> list[str] | None: ...


class Chats(Protocol):
    def get(self, caller: Caller, chat_id: str) -> Chat: ...


class Events(Protocol):
    def subscribe(
        self, wanted: Wanted, *, after: Position | None = None
    ) -> Subscription: ...


@dataclass(frozen=True, slots=True)
class Happened:
    """Contents are new or changed; ``position`` is after it."""

    position: Position
    contents: Contents


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing to tell since ``position`` was last told."""

    position: Position


Step = Happened | Reset | Quiet


class Watcher:
    """A signed-in person who watches, all that they may see or a part of it."""

    def __init__(
        self,
        *,
        user: User,
        session_id: str,
        assistant_id: str | None,
        chat_id: str | None,
        auth: Auth,
        access: Access,
        monotonic: Callable[[], float],
    ) -> None:
        self._user = user
        self._session_id = session_id
        self._assistant_id = assistant_id
        self._chat_id = chat_id
        self._auth = auth
        self._access = access
        self._monotonic = monotonic
        self._checked = monotonic()
        self._visible = self._look_up(user)

    def sees(self, event: Event) -> bool:
        if self._visible is not None and event.assistant_id not in self._visible:
            return False
        if self._chat_id is None:
            return True
        return isinstance(event, ChatEvent) and event.chat_id == self._chat_id

    def check(self) -> bool:
        """Look again at what the person may see; False: we cannot tell right now.

        Raises Unauthorized, AssistantNotFound, Forbidden, and what failed after 3 s
        in which it could not be told.
        """
        now = self._monotonic()
        try:
            user = self._auth.authenticate(
                user_id=self._user.id, session_id=self._session_id
            )
            self._visible = self._look_up(user)
        except (Unauthorized, AssistantNotFound, Forbidden):
            raise
        except AppError:
            if self._monotonic() - self._checked >= LONGEST_UNCHECKED:
                raise
            return False
        self._checked = now
        return True

    def due_in(self) -> float:
        """Return the seconds until it is time to check again; none or less: now."""
        return self._checked + CHECK_EVERY - self._monotonic()

    def _look_up(self, user: User) -> frozenset[str] | None:
        found = self._access.assistant_ids(user, assistant_id=self._assistant_id)
        return None if found is None else frozenset(found)


class LiveService:
    """Streams what happens to the people who may see it."""

    def __init__(
        self,
        *,
        auth: Auth,
        access: Access,
        chats: Chats,
        events: Events,
        contents: LiveContents,
        stopping: threading.Event,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._auth = auth
        self._access = access
        self._chats = chats
        self._events = events
        self._contents = contents
        self._stopping = stopping
        self._monotonic = monotonic

    def watch(
        self,
        user: User,
        *,
        session_id: str,
        assistant_id: str | None = None,
        chat_id: str | None = None,
        after: Position | None = None,
        gone: Callable[[], bool] = lambda: False,
    ) -> Iterator[Step]:
        """Return what happens from here on, or since ``after``.

        It starts with ``Quiet``, is ``Quiet`` every 15 s, and ends with the sign-in,
        with the permission, with the server, and when the reader is ``gone``; what
        the person may see is looked up anew each second. Raises AssistantNotFound,
        ChatNotFound, ChatAmbiguous, StoreUnavailable.
        """
        if chat_id is not None:
            chat = self._chats.get(user, chat_id)
            if assistant_id not in {None, chat.assistant_id}:
                raise ChatNotFound
            assistant_id, chat_id = chat.assistant_id, chat.id
        watcher = Watcher(
            user=user,
            session_id=session_id,
            assistant_id=assistant_id,
            chat_id=chat_id,
            auth=self._auth,
            access=self._access,
            monotonic=self._monotonic,
        )
        subscription = self._events.subscribe(watcher.sees, after=after)
        return self._steps(watcher, subscription, gone)

    def _steps(
        self, watcher: Watcher, subscription: Subscription, gone: Callable[[], bool]
    ) -> Iterator[Step]:
        try:
            yield Quiet(subscription.position())
            yield from self._follow(watcher, subscription, gone)
        except AppError as exc:
            log.info("live events ended", extra={"code": exc.code})
        finally:
            subscription.close()

    def _follow(
        self, watcher: Watcher, subscription: Subscription, gone: Callable[[], bool]
    ) -> Iterator[Step]:
        quiet_since = self._monotonic()
        while not (self._stopping.is_set() or gone()):
            if watcher.due_in() <= 0 and not watcher.check():
                self._stopping.wait(CHECK_EVERY)
                continue
            step = self._next(watcher, subscription)
            if step is not None:
                quiet_since = self._monotonic()
                yield step
            elif self._monotonic() - quiet_since >= HEARTBEAT:
                quiet_since = self._monotonic()
                yield Quiet(subscription.position())

    def _next(self, watcher: Watcher, subscription: Subscription) -> Step | None:
        found = subscription.get(watcher.due_in())
        if found is None or isinstance(found, Reset):
            return found
        position, event = found
        # Since it came, the permission may have gone.
        contents = self._contents.read(event) if watcher.sees(event) else None
        return Happened(position, contents) if contents else None
