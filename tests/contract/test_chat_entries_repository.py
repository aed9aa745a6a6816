"""What people do in a chat: its place, its effect and its way to the timeline."""

from dataclasses import replace

import pytest

from app.models.attended import AttendedChat
from app.models.chat import Chat, ChatState, ChatStatus, UnwrittenEntry
from app.models.message import Author, Message, MessageStatus
from app.repositories.chat_entries import ChatEntryRepository
from app.repositories.chats import ChatRepository
from tests.support.made import CHANNEL, NOW, later, message, queued
from tests.support.races import at_once

HUMAN = ChatState(
    status=ChatStatus.HUMAN, assigned_to="ana", waiting_since=None, attended=2
)
WAITING = ChatState(status=ChatStatus.HUMAN, waiting_since=later(1), unread=1)


@pytest.fixture
def chat(chats: ChatRepository) -> Chat:
    return chats.enqueue(
        assistant_id="a1",
        channel=CHANNEL,
        username=None,
        text="Hi",
        turn=queued(),
        new_status=ChatStatus.BOT,
        now=NOW,
    )


def entry_for(chat: Chat) -> Message:
    return message(
        chat_id=chat.id,
        seq=chat.last_seq + 1,
        author=Author.ATTENDANT,
        status=MessageStatus.SENT,
        metadata={"name": "Ana"},
        created_at=later(1),
        deliver_to="k1",
    )


@pytest.mark.parametrize("state", [HUMAN, WAITING])
def test_an_entry_changes_the_chat_and_lies_in_it_until_it_is_written(
    entries: ChatEntryRepository, chats: ChatRepository, chat: Chat, state: ChatState
) -> None:
    entry = entry_for(chat)

    changed = entries.append(chat, entry, state, process="p1")

    assert changed == replace(
        chat,
        state=state,
        last_seq=2,
        left_bot=2,
        unwritten=(UnwrittenEntry(message=entry, process="p1"),),
        updated_at=later(1),
    )
    assert chats.get(chat.id) == changed
    assert entries.find_unwritten("p1") == [changed]
    assert entries.find_unwritten("p2") == []

    entries.written(chat.id, entry.id)

    assert chats.get(chat.id) == replace(changed, unwritten=())
    assert entries.find_unwritten("p1") == []


def test_nothing_happens_where_something_came_meanwhile(
    entries: ChatEntryRepository, chats: ChatRepository, chat: Chat
) -> None:
    chats.reserve_seq(chat.id)
    before = chats.get(chat.id)

    assert entries.append(chat, entry_for(chat), HUMAN, process="p1") is None

    assert chats.get(chat.id) == before


def test_of_many_at_once_one_has_the_place(
    entries: ChatEntryRepository, chats: ChatRepository, chat: Chat
) -> None:
    results = at_once(
        lambda n: entries.append(
            chat, entry_for(chat), replace(HUMAN, assigned_to=str(n)), process="p1"
        )
    )

    [winner] = [result for result in results if result]
    assert chats.get(chat.id) == winner


def test_attended_chats_are_listed_until_they_are_given_back(
    entries: ChatEntryRepository, chat: Chat
) -> None:
    mine = [chat.assistant_id, "another"]
    assert entries.list_attended(mine) == []
    human = entries.append(chat, entry_for(chat), HUMAN, process="p1")
    assert human
    assert HUMAN.attended is not None
    assert entries.list_attended(mine) == [
        AttendedChat(
            id=chat.id, assistant_id=chat.assistant_id, attended=HUMAN.attended
        )
    ]
    assert entries.list_attended(["another"]) == []

    bot = ChatState(status=ChatStatus.BOT)
    assert entries.append(human, entry_for(human), bot, process="p1")

    assert entries.list_attended(mine) == []


def test_another_key_takes_over_what_is_to_come(
    entries: ChatEntryRepository, chats: ChatRepository, chat: Chat
) -> None:
    for assistant_id, from_key in (("a2", "k1"), ("a1", "k2")):
        entries.change_key(assistant_id, from_key, "main")
    assert chats.get(chat.id) == chat

    entries.change_key("a1", "k1", "main")

    assert chats.get(chat.id) == replace(chat, key_id="main")


def test_a_chat_knows_when_it_was_last_not_the_assistants(
    entries: ChatEntryRepository, chats: ChatRepository, chat: Chat
) -> None:
    for state in (HUMAN, ChatState(status=ChatStatus.BOT)):
        found = chats.get(chat.id)
        assert found
        assert entries.append(found, entry_for(found), state, process="p1")

    after = chats.get(chat.id)
    assert after
    assert (after.status, after.left_bot) == (ChatStatus.BOT, 2)
