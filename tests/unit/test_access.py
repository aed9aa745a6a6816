"""Who may do what with an assistant."""

import pytest

from app.errors import AssistantNotFound, Forbidden
from app.models.api_key import KeyScope
from app.models.assistant import AssistantRole, Member
from app.models.caller import Caller
from app.models.user import UserRole
from app.services.access import AccessService
from tests.support.fake_console import FakeAssistants
from tests.support.made import api_key, assistant, user

MEMBERS = tuple(
    Member(user_id=role.name, role=role)
    for role in (AssistantRole.VIEWER, AssistantRole.ATTENDANT, AssistantRole.EDITOR)
)
GUIDE = assistant(id="a1", owner_id="OWNER", members=MEMBERS)
OTHER = assistant(id="a2", owner_id="VIEWER")
PEOPLE = {
    role: user(
        id=role.name,
        role=UserRole.ADMIN if role is AssistantRole.ADMIN else UserRole.MEMBER,
    )
    for role in AssistantRole
}
STRANGER = user(id="stranger")


@pytest.fixture
def access() -> AccessService:
    return AccessService(assistants=FakeAssistants(GUIDE, OTHER))


@pytest.mark.parametrize("needed", AssistantRole)
@pytest.mark.parametrize("role", AssistantRole)
def test_a_role_includes_those_below_it(
    access: AccessService, role: AssistantRole, needed: AssistantRole
) -> None:
    caller = PEOPLE[role]
    assert access.role(caller, GUIDE) is role

    if role >= needed:
        access.check(caller, "a1", role=needed)
        assert access.assistant(caller, "a1", role=needed) == GUIDE
        return
    with pytest.raises(Forbidden):
        access.check(caller, "a1", role=needed)
    with pytest.raises(Forbidden):
        access.assistant(caller, "a1", role=needed)


@pytest.mark.parametrize("needed", AssistantRole)
@pytest.mark.parametrize("caller", [STRANGER, api_key(assistant_id="a2")], ids=type)
def test_without_a_role_there_is_no_assistant(
    access: AccessService, caller: Caller, needed: AssistantRole
) -> None:
    assert access.role(caller, GUIDE) is None
    for assistant_id in ("a1", "none"):
        with pytest.raises(AssistantNotFound):
            access.check(caller, assistant_id, role=needed)
        with pytest.raises(AssistantNotFound):
            access.assistant_ids(caller, assistant_id=assistant_id)


def test_lists_show_what_one_owns_and_is_a_member_of(access: AccessService) -> None:
    shown = {role: access.assistant_ids(PEOPLE[role]) for role in AssistantRole}

    assert shown == {
        AssistantRole.VIEWER: ["a2", "a1"],
        AssistantRole.ATTENDANT: ["a1"],
        AssistantRole.EDITOR: ["a1"],
        AssistantRole.OWNER: ["a1"],
        AssistantRole.ADMIN: None,
    }
    assert access.assistant_ids(STRANGER) == []
    for person in PEOPLE.values():
        assert access.assistant_ids(person, assistant_id="a1") == ["a1"]


def test_an_owner_among_the_members_is_listed_once() -> None:
    odd = assistant(id="a1", owner_id="VIEWER", members=MEMBERS)
    access = AccessService(assistants=FakeAssistants(odd))

    assert access.assistant_ids(PEOPLE[AssistantRole.VIEWER]) == ["a1"]
    assert access.role(PEOPLE[AssistantRole.VIEWER], odd) is AssistantRole.OWNER


@pytest.mark.parametrize(
    ("scopes", "asked", "role"),
    [
        ({KeyScope.READ}, KeyScope.READ, AssistantRole.VIEWER),
        ({KeyScope.DOCUMENTS}, KeyScope.DOCUMENTS, AssistantRole.EDITOR),
        (set(KeyScope), KeyScope.READ, AssistantRole.VIEWER),
        (set(KeyScope), KeyScope.DOCUMENTS, AssistantRole.EDITOR),
        (set(KeyScope), KeyScope.CHAT, None),
        ({KeyScope.READ}, KeyScope.DOCUMENTS, None),
        ({KeyScope.DOCUMENTS}, KeyScope.READ, None),
        ({KeyScope.CHAT}, KeyScope.READ, None),
    ],
)
def test_a_key_has_a_role_where_its_scope_is_asked_for(
    access: AccessService,
    scopes: set[KeyScope],
    asked: KeyScope,
    role: AssistantRole | None,
) -> None:
    key = api_key(assistant_id="a1", scopes=tuple(scopes))

    assert access.role(key, GUIDE, scope=asked) is role
    assert access.role(key, OTHER, scope=asked) is None
    if asked in scopes and role:
        assert access.assistant_ids(key, scope=asked) == ["a1"]
        assert access.assistant(key, "a1", role=role, scope=asked) == GUIDE
        with pytest.raises(Forbidden):
            access.check(key, "a1", role=AssistantRole.OWNER, scope=asked)
    elif asked not in scopes:
        assert access.assistant_ids(key, scope=asked) == []
    with pytest.raises(AssistantNotFound):
        access.assistant(key, "a2", scope=asked)
