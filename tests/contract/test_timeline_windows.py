import random
from typing import Any

import pytest

from app.errors import StoreUnavailable
from app.models.message import Author, Inbound, Message, MessageStatus
from app.repositories.database import together
from app.repositories.messages import MessageRepository
from app.repositories.windows import Windows
from tests.contract.conftest import Made
from tests.support.made import message
from tests.support.store_backends import MakeDatabase


class _Chat:
    """One chat, written by two processes: what a turn of one reads is compared."""

    def __init__(self, stored: Made[Any]) -> None:
        self.processes = [stored(MessageRepository) for _ in range(2)]
        self.make = stored
        self.last_seq = 0
        self.failed: Message | None = None

    def place(self) -> int:
        self.last_seq += 1
        return self.last_seq

    def ask(self, by: MessageRepository) -> Message:
        question = message(seq=self.place(), status=MessageStatus.PENDING, turn="t")
        nameless = Inbound(idempotency_key=None, channel_message=None, fingerprint="f")
        assert by.add_inbound(question, nameless)
        return question

    def answer(self, by: MessageRepository, question: Message) -> None:
        answer = message(
            seq=self.place(),
            author=Author.ASSISTANT,
            status=MessageStatus.SENT,
            in_reply_to=question.id,
        )
        by.add_answer(answer, turn_id="t", status=MessageStatus.ANSWERED)

    def compare(self, by: MessageRepository, limit: int) -> None:
        fresh: MessageRepository = self.make(MessageRepository)
        found = by.latest("c1", limit, upto=self.last_seq)
        assert found == fresh.latest("c1", limit)

    def step(self, chance: random.Random) -> None:
        by, other = chance.sample(self.processes, 2)
        what = chance.choice(["turn"] * 6 + ["fails", "again", "entry", "burst", "gap"])
        if what == "entry":
            by.add_entry(message(seq=self.place(), author=Author.ATTENDANT))
        elif what == "gap":  # a repetition that came at the same time took it
            self.place()
        elif what == "again" and self.failed:
            by.reopen(self.failed.id, turn_id="t")
            self.answer(by, self.failed)
            self.failed = None
        elif what == "burst":
            first, second = self.ask(by), self.ask(other)
            self.answer(by, first)
            self.answer(other, second)
        else:
            question = self.ask(by)
            self.compare(by, chance.choice([3, 7]))
            if what == "fails":
                ending = chance.choice([by, other])
                ending.end_turn(question.id, "t", MessageStatus.FAILED, failure="x")
                self.failed = question
            else:
                self.answer(by, question)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_end_of_a_timeline_is_what_reading_it_gives(
    stored: Made[Any], seed: int
) -> None:
    chat, chance = _Chat(stored), random.Random(seed)
    for _ in range(60):
        chat.step(chance)
    chat.compare(chat.processes[0], 5)


def question(chat: str, seq: int, text: str = "hello") -> Message:
    return message(chat_id=chat, seq=seq, text=text, status=MessageStatus.ANSWERED)


def test_a_chats_end_is_known_as_long_as_nobody_else_adds_to_it() -> None:
    windows, made = Windows(), [question("c", seq) for seq in (1, 2, 3)]
    windows.keep("c", made[:2], size=2)
    windows.append(made[2])
    assert windows.read("c", 2, upto=3) == made[1:]
    assert windows.read("c", 2, upto=4) is None
    assert windows.read("c", 3, upto=3) is None  # more than was asked for


def test_the_longest_unused_windows_make_room() -> None:
    windows = Windows(characters=100_000)
    for chat in ("first", "second"):
        windows.keep(chat, [question(chat, 1, "x" * 40_000)], size=5)
    assert windows.read("first", 5, upto=1)
    windows.append(question("first", 2, "x" * 15_000))
    windows.keep("third", [question("third", 1, "x" * 40_000)], size=5)
    assert windows.read("second", 5, upto=1) is None
    assert windows.read("first", 5, upto=2)
    windows.keep("huge", [question("huge", 1, "x" * 100_000)], size=5)
    assert windows.read("huge", 5, upto=1) is None


def test_forgetting_the_windows_gives_their_room_back() -> None:
    windows = Windows(characters=100_000)
    windows.keep("c", [question("c", 1, "x" * 90_000)], size=5)
    windows.clear()
    windows.keep("d", [question("d", 1, "x" * 90_000)], size=5)
    assert windows.read("c", 5, upto=1) is None
    assert windows.read("d", 5, upto=1)


def test_short_messages_take_room_too() -> None:
    windows = Windows(characters=100_000)
    for number in range(1000):
        windows.keep(f"c{number}", [question(f"c{number}", 1, "ok")], size=5)
    kept = [n for n in range(1000) if windows.read(f"c{n}", 5, upto=1)]
    assert kept == list(range(1000 - len(kept), 1000))
    assert 100 < len(kept) < 200


def test_what_a_transaction_takes_back_is_not_known(
    make_database: MakeDatabase,
) -> None:
    db = make_database("embedded")
    messages = MessageRepository(db)
    messages.add(question("c1", 1))
    messages.latest("c1", 5, upto=1)
    nameless = Inbound(idempotency_key=None, channel_message=None, fingerprint="f")

    def ask_in_vain() -> None:
        with together(db):
            messages.add_inbound(question("c1", 2, "never"), nameless)
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        ask_in_vain()
    messages.add(question("c1", 2, "written by another"))

    assert [m.text for m in messages.latest("c1", 5, upto=2)] == [
        "hello",
        "written by another",
    ]
