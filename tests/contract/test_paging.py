"""Lists in parts: nothing is left out or shown twice."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import InvalidInput
from app.models.chat import Channel, ChatFilter, ChatStatus
from app.models.document import DocumentFilter
from app.models.page import Page, PageRequest
from app.repositories.assistants import AssistantRepository
from app.repositories.chats import ChatRepository
from app.repositories.documents import DocumentRepository
from tests.support.made import assistant, document, later, queued

Listing = Callable[[PageRequest], Page[Any]]
# Rows by the second of their time: equal ones among them.
SECONDS = [5, 1, 1, 1, 9, 0, 1, 5, 5, 2]


def ids(page: Page[Any]) -> list[str]:
    return [item.id for item in page.items]


def read_all(listing: Listing, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    for _ in range(50):
        page = listing(PageRequest(limit=limit, after=after))
        assert len(page.items) <= limit
        found += ids(page)
        after = page.next
        if after is None:
            return found
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 2, 3, len(SECONDS) - 1, len(SECONDS), 99])
def test_equal_times_leave_no_gap_and_no_double(
    assistants: AssistantRepository, limit: int
) -> None:
    made = [assistant(created_at=later(second)) for second in SECONDS]
    for one in made:
        assistants.add(one)

    def listing(request: PageRequest) -> Page[Any]:
        return assistants.list_page(request, assistant_ids=None)

    newest_first = sorted(made, key=lambda a: (a.created_at, a.id), reverse=True)
    assert read_all(listing, limit) == [one.id for one in newest_first]
    assert listing(PageRequest(limit=limit)).total == len(made)


@pytest.mark.parametrize("limit", [1, 4, 10])
def test_chats_by_their_last_activity(stored_chats: ChatRepository, limit: int) -> None:
    made = [
        stored_chats.enqueue(
            assistant_id="a1" if number % 2 else "a2",
            channel=Channel(id=str(number), message_service="sms"),
            username="Ana",
            text="Hi",
            turn=queued(),
            new_status=ChatStatus.BOT,
            now=later(second),
        )
        for number, second in enumerate(SECONDS)
    ]

    def listing(request: PageRequest) -> Page[Any]:
        chosen = ChatFilter(start="ana")
        return stored_chats.list_page(request, chosen, assistant_ids=["a1", "a2"])

    newest_first = sorted(made, key=lambda c: (c.updated_at, c.id), reverse=True)
    assert read_all(listing, limit) == [one.id for one in newest_first]


def test_what_comes_new_does_not_shift_the_parts(
    documents: DocumentRepository,
) -> None:
    made = [document(created_at=later(number)) for number in range(4)]
    for one in made:
        documents.add(one)

    def listing(request: PageRequest) -> Page[Any]:
        return documents.list_page(request, DocumentFilter(), assistant_ids=None)

    first = listing(PageRequest(limit=2))
    documents.add(document(created_at=later(99)))
    documents.remove(made[2].id)  # the cursor's own row
    second = listing(PageRequest(limit=2, after=first.next))

    assert ids(first) == [made[3].id, made[2].id]
    assert ids(second) == [made[1].id, made[0].id]
    assert second.next is None
    assert second.total == 4


def _cursor(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize(
    "after",
    [
        "nonsense",
        "ção",
        "=",
        "😀",
        "\0",
        "$ne",
        _cursor("no separator"),
        _cursor("x:id"),
        _cursor(":"),
        _cursor("1e3:id"),
        _cursor(f"{10**40}:id"),
        _cursor(f"-{10**17}:id"),
        _cursor("9" * 5000 + ":id"),
        _cursor(b"\xff\xfe:id"),
    ],
)
def test_a_cursor_that_we_did_not_make_is_invalid(
    assistants: AssistantRepository, after: str
) -> None:
    assistants.add(assistant())

    with pytest.raises(InvalidInput) as caught:
        assistants.list_page(PageRequest(after=after), assistant_ids=None)

    assert caught.value.fields == {"after": "field.cursor"}


# The first and the last millisecond that a datetime holds.
@pytest.mark.parametrize("since", [-62_135_596_800_000, 253_402_300_799_999])
def test_a_cursor_at_the_end_of_time_is_no_failure(
    stored_chats: ChatRepository, since: int
) -> None:
    after = _cursor(f"{since}:id")

    page = stored_chats.list_page(
        PageRequest(after=after), ChatFilter(), assistant_ids=None
    )

    assert page.items == []
