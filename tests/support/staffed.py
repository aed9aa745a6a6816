"""Server processes with the people who attend to conversations."""

import threading
from typing import Any, cast

from app.models.assistant import AssistantRole, Member, Takeover
from app.models.chat import Chat
from app.models.message import Author, Message
from app.models.turn import TurnResult
from app.models.user import UserRole
from app.services.access import AccessService
from app.services.attendance import AttendanceService
from app.services.chats import ChatService
from app.services.outbox import OutboxService
from app.services.return_timer import ReturnTimer
from app.services.turn_queue import Turn
from tests.support.conversation import ServerProcess, Store, post
from tests.support.fake_console import FakeApiKeys, FakeUsers
from tests.support.fakes import FakeOutboxes
from tests.support.faults import faulty
from tests.support.made import assistant, user

ANA = user(id="ana", name="Ana")
BIA = user(id="bia", name="Bia")
VIC = user(id="vic", name="Vic")
OWNER = user(id="owner", name="Olga")
STRANGER = user(id="stranger", name="Sam")
ADMIN = user(id="admin", name="Ada", role=UserRole.ADMIN)
GONE = user(id="gone", name="Gil", active=False)
MEMBERS = (
    Member(user_id="ana", role=AssistantRole.ATTENDANT),
    Member(user_id="bia", role=AssistantRole.ATTENDANT),
    Member(user_id="gone", role=AssistantRole.ATTENDANT),
    Member(user_id="vic", role=AssistantRole.VIEWER),
)


class StaffedStore(Store):
    """Ana and Bia are attendants of the assistant, Vic may look."""

    def __init__(self, **takeover: Any) -> None:
        super().__init__(
            of=assistant(id="a1", members=MEMBERS, takeover=Takeover(**takeover))
        )
        self.users = FakeUsers(ANA, BIA, VIC, OWNER, STRANGER, ADMIN, GONE)
        self.outboxes = FakeOutboxes()
        self.keys = FakeApiKeys()
        self.keys.add(self.key)

    def happened(self) -> list[str]:
        """Return what the timeline tells of the chat's state, in order."""
        return [
            m.metadata["event"] for m in self.timeline() if m.author is Author.SYSTEM
        ]


class StaffedProcess(ServerProcess):
    """A server process with its console and its outbox."""

    def __init__(self, store: StaffedStore, **settings: Any) -> None:
        super().__init__(store, **settings)
        self._store = store
        self.stopping = threading.Event()
        chats = faulty(store.chats, self.plan)
        messages = faulty(store.messages, self.plan)
        access = AccessService(assistants=faulty(store.assistants, self.plan))
        self.console = ChatService(
            chats=cast("Any", chats),  # they cannot be listed
            messages=cast("Any", messages),
            access=access,
        )
        self.attendance = AttendanceService(
            chats=self.console,
            entries=self.entries,
            access=access,
            users=faulty(store.users, self.plan),
            turns=self.queue,
        )
        self.outbox = OutboxService(
            messages=messages,
            chats=chats,
            entries=chats,
            outboxes=faulty(store.outboxes, self.plan),
            keys=store.keys,
            events=self.events,
            stopping=self.stopping,
            now=self.clock.now,
        )
        self.return_timer = ReturnTimer(
            chats=chats,
            attended=chats,
            assistants=store.assistants,
            entries=self.entries,
            monotonic=self.clock.monotonic,
        )

    def hear(self, text: str, number: int = 1) -> TurnResult:
        """Do what happens when the contact writes."""
        return self.post(post(text, message_id=f"m{number}"))

    def queue_up(self, text: str, number: int = 1) -> Turn:
        turn = self.accept(post(text, message_id=f"m{number}"))
        assert isinstance(turn, Turn)
        return turn

    def take_over(self, who: str = "ana", reason: str | None = None) -> Chat:
        person = self._store.users.get(who)
        assert person
        return self.attendance.take_over(person, self._store.chat.id, reason=reason)

    def release(self, who: str = "ana") -> Chat:
        person = self._store.users.get(who)
        assert person
        return self.attendance.release(person, self._store.chat.id, reason=None)

    def write(
        self, text: str = "Ana here.", who: str = "ana", *, note: bool = False
    ) -> Message:
        person = self._store.users.get(who)
        assert person
        return self.attendance.write(person, self._store.chat.id, text=text, note=note)

    def outgoing(self) -> list[str]:
        """Return the texts that the assistant's bot is handed out now."""
        return [delivery.text for delivery in self.outbox.next(self._store.key)]
