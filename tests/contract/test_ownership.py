"""Ownership is part of the query: what is somebody else's is not found."""

from collections.abc import Sequence

import pytest

from app.models.assistant import AssistantRole, Member
from app.models.chat import Channel, Chat, ChatFilter, ChatStatus
from app.models.document import Document, DocumentFilter
from app.models.page import PageRequest
from app.repositories.assistants import AssistantRepository
from app.repositories.chats import ChatRepository
from app.repositories.chunks import ChunkRepository
from app.repositories.documents import DocumentRepository
from app.repositories.usage import UsageRepository
from tests.support.made import NOW, assistant, chunk, document, queued, usage_entry

VISIBLE: list[tuple[Sequence[str] | None, set[str]]] = [
    (None, {"a1", "a2"}),
    (["a1", "a2"], {"a1", "a2"}),
    (["a1"], {"a1"}),
    (["a2", "none"], {"a2"}),
    (["none"], set()),
    ([], set()),
    (["a"], set()),
]


@pytest.mark.parametrize(
    ("user_id", "owned", "joined"),
    [
        ("u1", {"of u1"}, set()),
        ("u2", {"of u2"}, {"of u1"}),
        ("u3", set(), {"of u1", "of u2"}),
        ("u", set(), set()),
        ("", set(), set()),
        ("VIEWER", set(), set()),
    ],
)
def test_assistants_are_their_owners_and_members(
    assistants: AssistantRepository, user_id: str, owned: set[str], joined: set[str]
) -> None:
    u2 = Member(user_id="u2", role=AssistantRole.EDITOR)
    u3 = Member(user_id="u3", role=AssistantRole.VIEWER)
    made = {
        "of u1": assistant(owner_id="u1", members=(u2, u3)),
        "of u2": assistant(owner_id="u2", members=(u3,)),
    }
    for one in made.values():
        assistants.add(one)
    ids = {one.id: name for name, one in made.items()}

    assert {ids[a] for a in assistants.ids_for_owner(user_id)} == owned
    assert {ids[a] for a in assistants.ids_for_member(user_id)} == joined
    for name, one in made.items():
        found = assistants.get(one.id, user_id=user_id)
        assert found == (one if name in owned | joined else None)
        assert assistants.get(one.id) == one


@pytest.mark.parametrize(("assistant_ids", "expected"), VISIBLE)
def test_a_list_of_assistants_holds_those_asked_for(
    assistants: AssistantRepository,
    assistant_ids: Sequence[str] | None,
    expected: set[str],
) -> None:
    for name in ("a1", "a2"):
        assistants.add(assistant(id=name))

    page = assistants.list_page(PageRequest(), assistant_ids=assistant_ids)

    assert {one.id for one in page.items} == expected
    assert page.total == len(expected)


@pytest.mark.parametrize(("assistant_ids", "expected"), VISIBLE)
def test_chats_are_their_assistants(
    stored_chats: ChatRepository,
    assistant_ids: Sequence[str] | None,
    expected: set[str],
) -> None:
    channel = Channel(id="+5592", message_service="sms")
    made = [
        stored_chats.enqueue(
            assistant_id=name,
            channel=channel,
            username="Ana",
            text="Hi",
            turn=queued(),
            new_status=ChatStatus.BOT,
            now=NOW,
        )
        for name in ("a1", "a2")
    ]

    def got(chat: Chat) -> bool:
        return stored_chats.get(chat.id, assistant_ids=assistant_ids) is not None

    assert {chat.assistant_id for chat in made if got(chat)} == expected
    found = stored_chats.find_by_channel_id("+5592", assistant_ids=assistant_ids)
    assert {chat.assistant_id for chat in found} == expected
    for chosen in (ChatFilter(), ChatFilter(start="ana"), ChatFilter(start="+5")):
        page = stored_chats.list_page(
            PageRequest(), chosen, assistant_ids=assistant_ids
        )
        assert {chat.assistant_id for chat in page.items} == expected
        assert page.total == len(expected)


@pytest.mark.parametrize(("assistant_ids", "expected"), VISIBLE)
def test_documents_are_their_assistants(
    documents: DocumentRepository,
    assistant_ids: Sequence[str] | None,
    expected: set[str],
) -> None:
    made = [document(assistant_id=name) for name in ("a1", "a2")]
    for one in made:
        documents.add(one)

    def got(one: Document) -> bool:
        return documents.get(one.id, assistant_ids=assistant_ids) is not None

    assert {one.assistant_id for one in made if got(one)} == expected
    page = documents.list_page(
        PageRequest(), DocumentFilter(), assistant_ids=assistant_ids
    )
    assert {one.assistant_id for one in page.items} == expected
    assert page.total == len(expected)


def test_chunks_are_their_assistants(chunks: ChunkRepository) -> None:
    mine, other = chunk(assistant_id="a1"), chunk(assistant_id="a2")
    chunks.add([mine, other])

    assert chunks.find_by_ids("a1", [mine.id, other.id]) == {mine.id: mine}
    assert chunks.find_by_ids("none", [mine.id, other.id]) == {}


@pytest.mark.parametrize(("assistant_ids", "expected"), VISIBLE)
def test_figures_are_their_assistants(
    usage: UsageRepository, assistant_ids: Sequence[str] | None, expected: set[str]
) -> None:
    for name in ("a1", "a2"):
        usage.add(usage_entry(assistant_id=name, owner_id=f"owner of {name}"))

    def groups(owner_id: str | None) -> set[str]:
        rows = usage.totals(
            group_by="assistant",
            owner_id=owner_id,
            assistant_ids=assistant_ids,
            first_day=None,
            last_day=None,
        )
        return {row.group for row in rows}

    assert groups(None) == expected
    limited = assistant_ids is not None
    assert groups("owner of a1") == {"a1"} | (expected if limited else set())
    assert groups("") == (expected if limited else set())
