"""Further keys of an assistant, beside its main one."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import (
    AssistantNotFound,
    Forbidden,
    InvalidInput,
    KeyNotFound,
    StoreUnavailable,
    TooManyKeys,
    Unauthorized,
)
from app.models.api_key import KeyScope
from app.models.assistant import AssistantRole, Member
from app.models.page import PageRequest
from app.services.api_keys import MOST_FURTHER, IssuedKey
from tests.support.faults import MODES, Crash, Mode, Plan
from tests.support.library import ADMIN, OWNER, STRANGER, Library, Services
from tests.support.made import NOW, api_key
from tests.support.races import at_once

READ = (KeyScope.READ,)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path / "documents")
    made.services().keys.issue("a1")
    return made


@pytest.fixture
def services(library: Library) -> Services:
    return library.services()


def issue(services: Services, *, lasting: timedelta | None = None) -> IssuedKey:
    return services.assistants.issue_key(
        OWNER,
        "a1",
        name="Reports",
        scopes=READ,
        expires_at=services.now() + lasting if lasting else None,
    )


def test_a_further_key_opens_and_is_not_sealed(
    library: Library, services: Services
) -> None:
    issued = issue(services)

    assert services.keys.authenticate(issued.secret) == issued.key
    assert issued.key.scopes == READ
    assert issued.key.sealed is None
    assert issued.secret.endswith(issued.key.hint)
    main = library.keys.find_main("a1")
    assert main
    assert main.scopes == (KeyScope.CHAT,)
    assert main.sealed


def test_a_key_opens_until_it_expires(library: Library, services: Services) -> None:
    issued = issue(services, lasting=timedelta(minutes=1))

    library.clock.wall += timedelta(seconds=59)
    assert services.keys.authenticate(issued.secret)
    library.clock.wall += timedelta(seconds=1)
    with pytest.raises(Unauthorized):
        services.keys.authenticate(issued.secret)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_key_that_has_expired_already_is_not_made(
    services: Services, seconds: int
) -> None:
    with pytest.raises(InvalidInput):
        services.assistants.issue_key(
            OWNER,
            "a1",
            name="x",
            scopes=READ,
            expires_at=services.now() + timedelta(seconds=seconds),
        )


def test_there_are_so_many_and_no_more(library: Library, services: Services) -> None:
    for _ in range(MOST_FURTHER):
        issue(services)
    with pytest.raises(TooManyKeys):
        issue(services)

    first = library.keys.list_further("a1", PageRequest(limit=1)).items[0]
    services.assistants.revoke_key(OWNER, "a1", first.id)
    assert issue(services)


def test_many_at_once_do_not_make_more(library: Library, services: Services) -> None:
    for _ in range(MOST_FURTHER - 1):
        issue(services)

    def make(_: int) -> bool:
        try:
            issue(library.services())
        except TooManyKeys:
            return False
        return True

    assert at_once(make).count(True) <= 1
    assert library.keys.count_further("a1") <= MOST_FURTHER


def test_a_revoked_key_opens_nothing_and_the_main_one_delivers(
    library: Library, services: Services
) -> None:
    issued, kept = issue(services), issue(services)
    main = library.keys.find_main("a1")
    assert main

    services.assistants.revoke_key(OWNER, "a1", issued.key.id)

    with pytest.raises(Unauthorized):
        services.keys.authenticate(issued.secret)
    assert services.keys.authenticate(kept.secret)
    assert set(library.outbox.moved) == {("a1", issued.key.id, main.id)}
    with pytest.raises(KeyNotFound):
        services.assistants.revoke_key(OWNER, "a1", issued.key.id)


def test_what_came_in_while_it_was_removed_is_delivered_too(library: Library) -> None:
    issued, plan = issue(library.services()), Plan()
    library.outbox.moved.clear()

    library.services(plan).assistants.revoke_key(OWNER, "a1", issued.key.id)

    calls = [call for call in plan.calls if not call.startswith("FakeAssistants")]
    removed = calls.index("FakeApiKeys.remove_further")
    assert calls[removed - 1] == calls[removed + 1] == "FakeOutbox.reassign"


@pytest.mark.parametrize("mode", MODES)
def test_a_revocation_that_fails_anywhere_may_be_repeated(
    tmp_path: Path, mode: Mode
) -> None:
    for at in range(1, 10):
        library, plan = Library(tmp_path / str(at)), Plan(at, mode)
        library.services().keys.issue("a1")
        issued = issue(library.services())
        try:
            library.services(plan).assistants.revoke_key(OWNER, "a1", issued.key.id)
        except (StoreUnavailable, Crash):
            assert plan.happened
        if library.keys.find_further("a1", issued.key.id):
            library.services().assistants.revoke_key(OWNER, "a1", issued.key.id)
        assert library.outbox.moved
        assert library.keys.count_further("a1") == 0
        if not plan.happened:
            return
    raise AssertionError("a revocation makes more calls than were tried")


def test_the_main_key_and_anothers_are_not_revoked(
    library: Library, services: Services
) -> None:
    main = library.keys.find_main("a1")
    assert main
    theirs = api_key(assistant_id="a2", main=False)
    library.keys.add(theirs)

    for key_id in (main.id, theirs.id, "none"):
        with pytest.raises(KeyNotFound):
            services.assistants.revoke_key(OWNER, "a1", key_id)

    assert library.keys.find_main("a1") == main
    assert library.keys.find_further("a2", theirs.id) == theirs
    assert library.outbox.moved == []


def test_only_owner_and_admin_manage_keys(library: Library, services: Services) -> None:
    issued = issue(services)
    editor = (Member(user_id="stranger", role=AssistantRole.EDITOR),)
    for members, error in (((), AssistantNotFound), (editor, Forbidden)):
        library.assistants.update("a1", {"members": members}, now=NOW)
        for use in (
            lambda: services.assistants.list_keys(STRANGER, "a1", PageRequest()),
            lambda: services.assistants.revoke_key(STRANGER, "a1", issued.key.id),
            lambda: services.assistants.rotate_key(STRANGER, "a1", grace=timedelta()),
            lambda: services.assistants.issue_key(
                STRANGER, "a1", name="x", scopes=READ, expires_at=None
            ),
        ):
            with pytest.raises(error):
                use()
    page = services.assistants.list_keys(ADMIN, "a1", PageRequest())
    assert page.items == [issued.key]
