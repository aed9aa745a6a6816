"""Assistants come with their key and go with all that hangs on them."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    AppError,
    AssistantNotFound,
    Forbidden,
    InvalidInput,
    StoreUnavailable,
    Unauthorized,
)
from app.models.assistant import History, Retrieval
from app.models.chat import ChatStatus
from app.models.message import Inbound
from app.models.page import PageRequest
from tests.support.conversation import ServerProcess, Store, post
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.library import ADMIN, OWNER, STRANGER, Library, Services
from tests.support.made import CHANNEL, NOW, message, queued

MOST_CALLS = 40


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def test_an_assistant_is_created_with_a_key_that_opens(services: Services) -> None:
    made = services.assistants.create(OWNER, name="Guide")

    assert made.assistant.owner_id == OWNER.id
    assert made.assistant.instructions == ""
    assert made.api_key
    assert made.api_key.startswith("sk_")
    assert services.keys.authenticate(made.api_key).assistant_id == made.assistant.id
    assert services.assistants.get(OWNER, made.assistant.id) == made


def test_every_field_may_be_given(services: Services, library: Library) -> None:
    made = services.assistants.create(
        OWNER,
        name="Guide",
        company="Vale",
        instructions="Be brief.",
        model="m",
        temperature=0.5,
        max_tokens=9,
        retrieval={"passages": 2},
        history={"messages": 3},
    ).assistant

    assert made.retrieval == Retrieval(passages=2)
    assert made.history == History(messages=3)
    assert (made.company, made.model, made.temperature) == ("Vale", "m", 0.5)
    assert library.found() == {f"{made.id}/prompt.txt": b"Be brief."}
    assert library.assistants.get(made.id) == made
    assert library.assistants.with_prompt_pending() == []


@pytest.mark.parametrize(
    ("caller", "owner_id", "expected"),
    [
        (OWNER, "owner", "owner"),
        (OWNER, "stranger", Forbidden),
        (OWNER, "none", Forbidden),
        (ADMIN, "stranger", "stranger"),
        (ADMIN, None, "admin"),
        (ADMIN, "none", InvalidInput),
    ],
)
def test_only_an_admin_makes_somebody_else_the_owner(
    services: Services, caller: Any, owner_id: str | None, expected: Any
) -> None:
    if isinstance(expected, str):
        made = services.assistants.create(caller, name="Guide", owner_id=owner_id)
        assert made.assistant.owner_id == expected
        return
    with pytest.raises(expected):
        services.assistants.create(caller, name="Guide", owner_id=owner_id)
    with pytest.raises(expected):
        services.assistants.update(
            caller, "a1" if caller is OWNER else "a2", {"owner_id": owner_id}
        )


def test_given_fields_and_parts_change_alone(
    services: Services, library: Library
) -> None:
    changed = services.assistants.update(
        OWNER,
        "a1",
        {"name": "New", "retrieval": {"passages": 1}, "instructions": "Be kind."},
    ).assistant

    assert (changed.name, changed.instructions) == ("New", "Be kind.")
    assert changed.retrieval == Retrieval(passages=1)
    assert changed.history == History()
    assert library.assistants.get("a1") == changed
    assert library.found() == {"a1/prompt.txt": b"Be kind."}


def test_an_owner_sent_back_unchanged_is_accepted(services: Services) -> None:
    changed = services.assistants.update(OWNER, "a1", {"owner_id": OWNER.id})

    assert changed.assistant.owner_id == OWNER.id


def test_strangers_find_nothing(services: Services) -> None:
    for use in (
        lambda: services.assistants.get(STRANGER, "a1"),
        lambda: services.assistants.update(STRANGER, "a1", {"name": "x"}),
        lambda: services.assistants.delete(STRANGER, "a1"),
        lambda: services.assistants.rotate_key(STRANGER, "a1", grace=timedelta()),
    ):
        with pytest.raises(AssistantNotFound):
            use()


def test_lists_hold_what_is_the_callers_with_its_keys(services: Services) -> None:
    made = services.assistants.create(OWNER, name="Mine")

    page = services.assistants.list_page(OWNER, PageRequest())
    by_id = {item.assistant.id: item.api_key for item in page.items}
    assert by_id == {"a1": None, made.assistant.id: made.api_key}
    assert services.assistants.list_page(ADMIN, PageRequest()).total == 3


def test_a_rotated_key_opens_and_the_old_one_does_not(services: Services) -> None:
    made = services.assistants.create(OWNER, name="Guide")
    assert made.api_key
    new = services.assistants.rotate_key(OWNER, made.assistant.id, grace=timedelta())

    assert new.api_key
    assert services.keys.authenticate(new.api_key)
    with pytest.raises(Unauthorized):
        services.keys.authenticate(made.api_key)


# Deleting


def _furnish(library: Library, assistant_id: str) -> None:
    """Hang something of every kind on an assistant."""
    services = library.services()
    services.keys.issue(assistant_id)
    chat = library.chats.enqueue(
        assistant_id=assistant_id,
        channel=CHANNEL,
        username=None,
        text="Hi",
        turn=queued(),
        new_status=ChatStatus.BOT,
        now=NOW,
    )
    library.messages.add_inbound(
        message(chat_id=chat.id, assistant_id=assistant_id),
        Inbound(idempotency_key=None, channel_message=None, fingerprint="f"),
    )
    services.upload_and_index(b"Nine to five.", caller=ADMIN, assistant_id=assistant_id)
    services.prompts.set(assistant_id, "Be kind.")
    library.files.stage(assistant_id, "left by a crash", b"x")


def _left(library: Library, assistant_id: str) -> list[object]:
    """Return whatever still hangs on an assistant."""
    chats = [c for c in library.chats.all() if c.assistant_id == assistant_id]
    return [
        *chats,
        *[m for m in library.messages.all() if m.assistant_id == assistant_id],
        *[d for d in library.documents.all() if d.assistant_id == assistant_id],
        *[c for c in library.chunks.all() if c.assistant_id == assistant_id],
        *[path for path in library.found() if path.startswith(f"{assistant_id}/")],
        *library.keys.find_main_for([assistant_id]),
    ]


def test_deleting_takes_all_that_hangs_on_it_and_nothing_else(
    library: Library,
) -> None:
    for assistant_id in ("a1", "a2"):
        _furnish(library, assistant_id)
    before = _left(library, "a2")
    assert len(before) == len(_left(library, "a1")) == 9

    library.services().assistants.delete(OWNER, "a1")

    assert _left(library, "a1") == []
    assert _left(library, "a2") == before
    assert library.assistants.get("a1") is None
    assert not (library.root / "a1").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_deletion_that_fails_anywhere_is_finished(tmp_path: Path, mode: Mode) -> None:
    for at in range(1, MOST_CALLS):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        _furnish(library, "a1")
        try:
            library.services(plan).assistants.delete(OWNER, "a1")
        except (StoreUnavailable, Crash):
            assert plan.happened
        if library.assistants.get("a1"):
            assert len(_left(library, "a1")) == 9
            library.services().assistants.delete(OWNER, "a1")
        for _ in range(2):
            library.services().prompts.finish_pending()
            library.services().assistants.finish_deletions()
        assert _left(library, "a1") == []
        library.grow_old()
        library.services().assistants.finish_deletions()
        assert library.assistants.marked_deleted() == []
        with pytest.raises(AssistantNotFound):
            library.services().assistants.get(OWNER, "a1")
        if not plan.happened:
            return
    raise AssertionError("a deletion makes more calls than were tried")


def test_of_two_deletions_at_once_one_is_it(library: Library) -> None:
    plan = Plan()
    plan.hooks["FakeAssistants.get"] = lambda: library.services().assistants.delete(
        OWNER, "a1"
    )

    with pytest.raises(AssistantNotFound):
        library.services(plan).assistants.delete(OWNER, "a1")


def test_an_upload_during_the_deletion_leaves_nothing(library: Library) -> None:
    plan = Plan()
    plan.hooks["FakeDocuments.find_by_filename"] = lambda: (
        library.services().assistants.delete(OWNER, "a1")
    )
    with contextlib.suppress(AppError):
        library.services(plan).upload()
    library.services().index()
    library.services().assistants.finish_deletions()

    assert _left(library, "a1") == []


@pytest.mark.parametrize("call", ["FakeAssistants.get_recent", "FakeChats.enqueue"])
def test_a_message_during_the_deletion_leaves_nothing(call: str) -> None:
    store = Store()
    server = ServerProcess(store)

    def remove() -> None:
        store.chats.remove_for_assistant("a1")
        store.messages.remove_for_assistant("a1")

    def delete() -> None:
        store.assistants.mark_deleted("a1", now=NOW)
        remove()

    server.plan.hooks[call] = delete
    with contextlib.suppress(AppError):
        server.post(post())
    server.bury_the_dead()
    for assistant_id, _ in store.assistants.marked_deleted():
        assert assistant_id == "a1"
        remove()  # as ``finish_deletions`` does

    assert store.chats.all() == []
    assert store.messages.all() == []
