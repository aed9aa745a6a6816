"""What the console finds among chats."""

import pytest

from app.models.chat import Channel, Chat, ChatFilter, ChatState, ChatStatus
from app.models.page import PageRequest
from app.repositories.chat_entries import ChatEntryRepository
from app.repositories.chats import ChatRepository
from tests.support.made import later, message, queued

WHATSAPP, SMS = "whatsapp", "sms"


@pytest.fixture
def made(stored_chats: ChatRepository) -> list[Chat]:
    """Return four chats; the third is a person's, the last silenced."""
    rows = [
        ("a1", Channel(id="+5592", message_service=WHATSAPP), "Ana Lima"),
        ("a1", Channel(id="+5511", message_service=SMS), "ANABEL"),
        ("a2", Channel(id="(a.b)", message_service=SMS), ".*"),
        ("a2", Channel(id="+5592", message_service=WHATSAPP), None),
    ]
    chats = [
        stored_chats.enqueue(
            assistant_id=assistant_id,
            channel=channel,
            username=username,
            text="Hi",
            turn=queued(),
            new_status=ChatStatus.INACTIVE if number == 3 else ChatStatus.BOT,
            now=later(number),
        )
        for number, (assistant_id, channel, username) in enumerate(rows)
    ]
    third = ChatEntryRepository(stored_chats._chats.database).append(
        chats[2],
        message(chat_id=chats[2].id, seq=2, created_at=later(2)),
        ChatState(status=ChatStatus.HUMAN),
        process="p1",
    )
    assert third
    return [*chats[:2], third, chats[3]]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (ChatFilter(), [3, 2, 1, 0]),
        (ChatFilter(message_service=SMS), [2, 1]),
        (ChatFilter(status=ChatStatus.HUMAN), [2]),
        (ChatFilter(status=ChatStatus.CLOSED), []),
        (ChatFilter(active=True), [1, 0]),
        (ChatFilter(active=False), [3, 2]),
        (ChatFilter(start="ana"), [1, 0]),
        (ChatFilter(start="Ana "), [0]),
        (ChatFilter(start="+55"), [3, 1, 0]),
        (ChatFilter(start="lima"), []),
        (ChatFilter(start=".*"), [2]),
        (ChatFilter(start="(a.b"), [2]),
        (ChatFilter(start="$"), []),
        (ChatFilter(start="+55", message_service=WHATSAPP, active=True), [0]),
    ],
)
def test_chats_are_chosen_latest_first(
    stored_chats: ChatRepository,
    made: list[Chat],
    chosen: ChatFilter,
    expected: list[int],
) -> None:
    page = stored_chats.list_page(PageRequest(), chosen, assistant_ids=None)

    assert page.items == [made[number] for number in expected]
    assert page.total == len(expected)
    assert page.next is None


def test_a_channel_id_may_stand_for_several_chats(
    stored_chats: ChatRepository, made: list[Chat]
) -> None:
    def found(channel_id: str) -> set[str]:
        chats = stored_chats.find_by_channel_id(channel_id, assistant_ids=None)
        return {chat.id for chat in chats}

    assert found("+5592") == {made[0].id, made[3].id}
    assert found("(a.b)") == {made[2].id}
    assert found("none") == set()
