"""Who may watch conversations, and for how long."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from app.errors import AssistantNotFound, StoreUnavailable, Unauthorized
from app.models.caller import Caller
from app.models.chat import Chat
from app.models.document import Document
from app.models.event import ChatEvent, Position
from app.models.message import Message
from app.models.user import User
from app.services import live
from app.services.event_hub import BUFFERED, Reset
from app.services.event_log import EventLog
from app.services.live import Happened, LiveService, Quiet, Step
from app.services.live_contents import (
    ChatContents,
    DocumentContents,
    LiveContents,
)
from tests.support.conversation import Clock
from tests.support.event_processes import Outage, Processes, documents_event
from tests.support.fake_documents import FakeDocuments
from tests.support.made import chat, document, message, user

ANA = user(id="ana")


class House:
    """Two assistants with a chat each, and who may see them right now."""

    def __init__(self, log: EventLog, outage: Outage) -> None:
        self.log, self.outage = log, outage
        self.clock = Clock()
        self.stopping = threading.Event()
        self.visible: list[str] | None = ["a1"]
        self.failure: Exception | None = None
        self.chats = {"c1": chat(id="c1", assistant_id="a1")}
        self.chats["c2"] = chat(id="c2", assistant_id="a2")
        self.documents = FakeDocuments()
        self.reads = 0
        self.slowly: Callable[[], object] = lambda: None
        self.service = LiveService(
            auth=self,
            access=self,
            chats=self,
            events=log,
            contents=LiveContents(
                chats=Kept(self), messages=Kept(self), documents=self.documents
            ),
            stopping=self.stopping,
            monotonic=self.clock.monotonic,
        )

    def authenticate(self, *, user_id: str, session_id: str) -> User:
        assert (user_id, session_id) == ("ana", "s1")
        if self.failure:
            raise self.failure
        return ANA

    def assistant_ids(
        self,
        caller: Caller,  # noqa: ARG002
        *,
        assistant_id: str | None = None,
    ) -> list[str] | None:
        if assistant_id is None or self.visible is None:
            return self.visible
        if assistant_id not in self.visible:
            raise AssistantNotFound
        return [assistant_id]

    def get(self, caller: Caller, chat_id: str) -> Chat:  # noqa: ARG002
        return self.chats[chat_id]

    def watch(
        self, *, chat_id: str | None = None, after: Position | None = None
    ) -> Iterator[Step]:
        steps = self.service.watch(ANA, session_id="s1", chat_id=chat_id, after=after)
        assert isinstance(next(steps), Quiet)
        return steps

    def tell(self, chat_id: str, *message_ids: str) -> None:
        assistant_id = {"c1": "a1", "c2": "a2"}[chat_id]
        self.log.publish(
            ChatEvent(
                assistant_id=assistant_id, chat_id=chat_id, message_ids=message_ids
            )
        )

    def keep(self, name: str, assistant_id: str = "a1") -> Document:
        made = document(id=name, filename=name, assistant_id=assistant_id)
        self.documents.add(made)
        return made

    def tell_of(self, *document_ids: str, assistant_id: str = "a1") -> None:
        self.log.publish(documents_event(*document_ids, assistant_id=assistant_id))

    def a_second_later(self) -> None:
        self.clock.seconds += 1


class Kept:
    """The house's contents, as repositories have them."""

    def __init__(self, house: House) -> None:
        self._house = house

    def get(
        self, chat_id: str, *, assistant_ids: Sequence[str] | None = None
    ) -> Chat | None:
        self._house.reads += 1
        self._house.slowly()
        found = self._house.chats.get(chat_id)
        return found if found and found.assistant_id in (assistant_ids or ()) else None

    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]:
        return [
            message(id=name, chat_id=chat_id, seq=int(name[1:]))
            for name in reversed(list(ids))
        ]


@pytest.fixture
def house() -> Iterator[House]:
    processes = Processes()
    yield House(*processes.start_with_faults("p"))
    processes.end()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CHECK_EVERY", 0.05)


def told(steps: Iterator[Step], count: int = 1) -> list[list[str]]:
    """Return the chat and the messages of each of the next events."""
    found = []
    for step in islice((s for s in steps if not isinstance(s, Quiet)), count):
        assert isinstance(step, Happened)
        contents = step.contents
        assert isinstance(contents, ChatContents)
        found.append([contents.chat.id, *(m.id for m in contents.messages)])
    return found


def told_of(steps: Iterator[Step]) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """Return the documents of the next event, and those that are gone."""
    step = next(steps)
    assert isinstance(step, Happened)
    assert isinstance(step.contents, DocumentContents)
    return step.contents.documents, step.contents.gone


def test_contents_are_told_in_their_order(house: House) -> None:
    steps = house.watch()

    house.tell("c1", "m2", "m1")
    house.tell("c1")

    assert told(steps, 2) == [["c1", "m1", "m2"], ["c1"]]


def test_what_may_not_be_seen_is_not_told(house: House) -> None:
    steps = house.watch()

    house.tell("c2", "m1")
    house.tell("c1", "m2")

    assert told(steps) == [["c1", "m2"]]


def test_a_permission_that_is_given_counts_within_a_second(house: House) -> None:
    steps = house.watch()
    house.visible = None
    house.a_second_later()
    house.tell("c1", "m1")
    assert told(steps) == [["c1", "m1"]]

    house.tell("c2", "m2")

    assert told(steps) == [["c2", "m2"]]


def test_what_waits_is_not_told_once_the_permission_has_gone(house: House) -> None:
    house.visible = ["a1", "a2"]
    steps = house.watch()
    house.tell("c2", "m1")
    house.tell("c1", "m2")

    house.visible = ["a1"]
    house.a_second_later()

    assert told(steps) == [["c1", "m2"]]


@pytest.mark.parametrize("failure", [Unauthorized(), AssistantNotFound()])
def test_the_end_of_the_sign_in_ends_it(house: House, failure: Exception) -> None:
    steps = house.watch()
    house.tell("c1", "m1")

    house.failure = failure
    house.a_second_later()

    assert list(steps) == []
    assert not house.log._hub.subscriptions


def test_the_loss_of_a_followed_chat_ends_it(house: House) -> None:
    steps = house.watch(chat_id="c1")

    house.visible = []
    house.a_second_later()

    assert list(steps) == []


def test_nothing_is_told_while_nobody_can_say_who_may_see_it(house: House) -> None:
    steps = house.watch()
    house.tell("c1", "m1")

    house.failure = StoreUnavailable()
    house.a_second_later()
    watching = ThreadPoolExecutor(1).submit(lambda: list(steps))
    house.clock.seconds += 3

    assert watching.result(10) == []


def test_a_short_trouble_of_the_store_loses_nothing(house: House) -> None:
    steps = house.watch()
    house.tell("c1", "m1")
    house.failure = StoreUnavailable()
    house.a_second_later()
    watching = ThreadPoolExecutor(1).submit(lambda: told(steps))

    house.failure = None

    assert watching.result(10) == [["c1", "m1"]]


def test_contents_that_cannot_be_read_end_it_so_that_they_are_asked_for_again(
    house: House,
) -> None:
    steps = house.watch()

    def fail() -> None:
        raise StoreUnavailable

    house.slowly = fail
    house.tell("c1", "m1")
    assert list(steps) == []

    house.slowly = lambda: None
    assert told(house.watch(after=Position({}))) == [["c1", "m1"]]


def test_a_chat_that_is_gone_is_not_told(house: House) -> None:
    house.visible = None
    steps = house.watch()
    house.tell("c1", "m1")
    house.tell("c2", "m2")

    del house.chats["c1"]

    assert told(steps) == [["c2", "m2"]]


def test_all_who_watch_share_one_reading(house: House) -> None:
    watchers = [house.watch() for _ in range(8)]
    barrier = threading.Barrier(8)
    house.tell("c1", "m1")

    def watch(steps: Iterator[Step]) -> list[list[str]]:
        barrier.wait(10)
        return told(steps)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(watch, watchers)) == [[["c1", "m1"]]] * 8
    assert house.reads == 1


def test_equal_events_are_read_each_for_itself(house: House) -> None:
    steps = house.watch()

    house.tell("c1", "m1")
    assert told(steps) == [["c1", "m1"]]
    house.chats["c1"] = chat(id="c1", assistant_id="a1", username="Rita")
    house.tell("c1", "m1")

    happened = next(steps)
    assert isinstance(happened, Happened)
    assert isinstance(happened.contents, ChatContents)
    assert happened.contents.chat.username == "Rita"


def test_documents_are_told_as_they_are_and_those_that_are_gone_as_such(
    house: House,
) -> None:
    steps = house.watch()
    made = [house.keep(name) for name in ("d2", "d1")]

    house.tell_of("d1", "gone", "d2")

    assert told_of(steps) == ((made[1], made[0]), ("gone",))


def test_documents_that_may_not_be_seen_are_not_told(house: House) -> None:
    steps = house.watch()
    mine, theirs = house.keep("d1"), house.keep("d2", "a2")

    house.tell_of(theirs.id, assistant_id="a2")
    house.tell_of(theirs.id, mine.id)

    # One that is named as another assistant's is not there.
    assert told_of(steps) == ((mine,), (theirs.id,))


def test_who_follows_one_chat_is_not_told_of_documents(house: House) -> None:
    house.keep("d1")
    steps = house.watch(chat_id="c1")

    house.tell_of("d1")
    house.tell("c1", "m1")

    assert told(steps) == [["c1", "m1"]]


def test_who_comes_back_is_shown_nothing_older_than_what_others_wrote(
    house: House,
) -> None:
    house.outage.refuses = {"add"}
    before = house.watch()
    house.tell("c1", "m1")
    assert told(before) == [["c1", "m1"]]

    house.chats["c1"] = chat(id="c1", assistant_id="a1", username="Rita")
    step = next(house.watch(after=Position({})))

    assert isinstance(step, Happened)
    assert isinstance(step.contents, ChatContents)
    assert step.contents.chat.username == "Rita"


def test_who_reads_too_slowly_is_told_so(house: House) -> None:
    steps = house.watch()

    for _ in range(BUFFERED + 1):
        house.tell("c1", "m1")

    assert isinstance(next(steps), Reset)


def test_silence_is_broken_every_fifteen_seconds(house: House) -> None:
    steps = house.watch()
    house.tell("c2", "m1")

    watching = ThreadPoolExecutor(1).submit(lambda: next(steps))
    while not watching.done():
        house.clock.seconds += 0.5

    assert watching.result() == Quiet(Position({"p": 1}))


@pytest.mark.parametrize("why", ["stopping", "gone"])
def test_it_ends_with_the_server_and_with_its_reader(house: House, why: str) -> None:
    gone = threading.Event()
    steps = house.service.watch(ANA, session_id="s1", gone=gone.is_set)
    next(steps)

    {"stopping": house.stopping, "gone": gone}[why].set()

    assert list(steps) == []
    assert not house.log._hub.subscriptions
