"""What a contact's own words change."""

import pytest

from app.errors import ProviderTimeout
from app.models.chat import ChatState, ChatStatus
from app.models.message import Author, MessageStatus
from tests.support.conversation import post
from tests.support.made import later
from tests.support.races import at_once
from tests.support.staffed import ANA, StaffedProcess, StaffedStore

KEYWORDS = ("atendente", "Falar com uma pessoa", "#", "Ação", "0800")
RELEASE = ("robô", "voltar ao robô", "*")


@pytest.fixture
def store() -> StaffedStore:
    return StaffedStore(contact_keywords=KEYWORDS, release_keywords=RELEASE)


@pytest.fixture
def server(store: StaffedStore) -> StaffedProcess:
    server = StaffedProcess(store)
    server.hear("Oi")
    server.clock.wall = later(60)
    return server


@pytest.mark.parametrize(
    "text",
    [
        "atendente",
        "ATENDENTE!!!",
        "Quero um atendente, por favor.",
        "¿atendente?",
        "não é... (atendente)",
        "falar com uma  pessoa",
        "Posso FALAR\ncom uma pessoa?",
        "falar, com uma pessoa",
        "#",
        "  # ",
        "acao",
        "AÇÃO já",
        "ac\u0327a\u0303o",
        "ligo no 0800 mesmo",
    ],
)
def test_a_keyword_in_a_message_asks_for_a_person(
    server: StaffedProcess, store: StaffedStore, text: str
) -> None:
    result = server.hear(text, 2)

    assert (result.status, result.response) == (MessageStatus.HUMAN, None)
    assert store.chat.state == ChatState(
        status=ChatStatus.HUMAN, waiting_since=later(60), unread=1
    )
    question, told = store.timeline()[-2:]
    assert (question.text, question.status) == (text, MessageStatus.HUMAN)
    assert (told.author, told.status) == (Author.SYSTEM, MessageStatus.NOTE)
    assert told.metadata == {"event": "asked_for_person"}
    assert len(server.provider.requests) == 1
    assert store.chat.queue == ()


@pytest.mark.parametrize(
    "text",
    [
        "atendentes",
        "atendenteX 1atendente",
        "falar com pessoa uma",
        "falar com uma outra pessoa",
        "# 1",
        "08001",
        "robô",
        "...",
    ],
)
def test_other_words_do_not(
    server: StaffedProcess, store: StaffedStore, text: str
) -> None:
    assert server.hear(text, 2).status is MessageStatus.ANSWERED
    assert store.chat.status is ChatStatus.BOT
    assert store.happened() == []


def test_the_first_message_may_ask(store: StaffedStore) -> None:
    server = StaffedProcess(store)

    assert server.hear("Atendente").status is MessageStatus.HUMAN
    assert server.provider.requests == []


@pytest.mark.parametrize("text", ["robô", " ROBO! ", "Voltar ao robo.", "*"])
def test_a_release_keyword_alone_brings_the_assistant_back_with_its_answer(
    server: StaffedProcess, store: StaffedStore, text: str
) -> None:
    server.take_over()

    result = server.hear(text, 2)

    assert result.status is MessageStatus.ANSWERED
    assert store.chat.state == ChatState(status=ChatStatus.BOT)
    assert store.happened() == ["takeover", "asked_for_bot"]


@pytest.mark.parametrize("text", ["não quero o robô", "robô robô", "voltar", "**"])
def test_a_release_keyword_among_others_leaves_the_person(
    server: StaffedProcess, store: StaffedStore, text: str
) -> None:
    server.take_over()

    assert server.hear(text, 2).status is MessageStatus.HUMAN
    assert store.chat.assigned_to == "ana"


def test_who_has_a_person_or_waits_for_one_does_not_ask_again(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.hear("atendente", 2)
    server.clock.wall = later(90)
    server.hear("atendente!", 3)
    assert store.chat.waiting_since == later(60)
    server.take_over()
    server.hear("atendente?", 4)

    assert store.chat.assigned_to == "ana"
    assert store.happened() == ["asked_for_person", "takeover"]


def test_who_is_waiting_may_go_back_to_the_assistant(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.hear("atendente", 2)

    assert server.hear("robô", 3).status is MessageStatus.ANSWERED
    assert store.happened() == ["asked_for_person", "asked_for_bot"]


def test_what_was_switched_off_is_not_woken_by_words(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.attendance.deactivate(ANA, store.chat.id)

    for number, text in enumerate(("atendente", "robô", "Oi"), 2):
        assert server.hear(text, number).status is MessageStatus.INACTIVE
    assert store.chat.status is ChatStatus.INACTIVE


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("Oi de novo", MessageStatus.ANSWERED, ["close", "reopened"]),
        ("robô", MessageStatus.ANSWERED, ["close", "reopened"]),
        (
            "atendente",
            MessageStatus.HUMAN,
            ["close", "reopened", "asked_for_person"],
        ),
    ],
)
def test_a_message_to_a_closed_chat_opens_it(
    server: StaffedProcess,
    store: StaffedStore,
    text: str,
    status: MessageStatus,
    told: list[str],
) -> None:
    server.attendance.close(ANA, store.chat.id, reason=None)

    assert server.hear(text, 2).status is status
    assert store.happened() == told
    assert len({m.seq for m in store.timeline()}) == len(store.timeline())


@pytest.mark.parametrize("act", ["close", "takeover", "nothing"])
@pytest.mark.parametrize("text", ["atendente", "robô"])
def test_a_message_that_is_not_to_be_answered_changes_nothing(
    server: StaffedProcess, store: StaffedStore, act: str, text: str
) -> None:
    if act == "close":
        server.attendance.close(ANA, store.chat.id, reason=None)
    elif act == "takeover":
        server.take_over()
    state, told = store.chat.state, store.happened()

    server.post(post(text, message_id="m2", active=False))

    assert (store.chat.status, store.chat.assigned_to) == (
        state.status,
        state.assigned_to,
    )
    assert store.happened() == told


def test_a_repetition_does_not_ask_again(
    server: StaffedProcess, store: StaffedStore
) -> None:
    first = server.hear("atendente", 2)
    server.release()

    again = server.hear("atendente", 2)

    assert (again.message_id, again.replayed) == (first.message_id, True)
    assert store.chat.status is ChatStatus.BOT
    assert store.happened() == ["asked_for_person", "release"]


def test_copies_at_once_ask_once(server: StaffedProcess, store: StaffedStore) -> None:
    results = at_once(lambda _: server.hear("atendente", 2), threads=8)

    assert {result.status for result in results} == {MessageStatus.HUMAN}
    assert len({result.message_id for result in results}) == 1
    assert store.happened() == ["asked_for_person"]
    assert store.chat.queue == ()


def test_a_failed_message_that_comes_again_is_considered_then(
    server: StaffedProcess, store: StaffedStore
) -> None:
    server.provider.will_fail(ProviderTimeout())
    with pytest.raises(ProviderTimeout):
        server.hear("robô", 2)
    server.take_over()

    assert server.hear("robô", 2).status is MessageStatus.ANSWERED
    assert store.happened() == ["takeover", "asked_for_bot"]


def test_a_takeover_that_comes_first_is_not_undone(
    server: StaffedProcess, store: StaffedStore
) -> None:
    """An attendant takes over between the message's place and its effect."""
    server.plan.hooks["FakeChats.enqueue"] = server.take_over

    assert server.hear("atendente", 2).status is MessageStatus.HUMAN

    assert store.chat.assigned_to == "ana"
    assert store.happened() == ["takeover"]


def test_without_keywords_nothing_is_asked_for() -> None:
    store = StaffedStore()
    server = StaffedProcess(store)

    assert server.hear("atendente").status is MessageStatus.ANSWERED
    server.take_over()
    assert server.hear("robô", 2).status is MessageStatus.HUMAN
