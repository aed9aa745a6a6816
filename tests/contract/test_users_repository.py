from dataclasses import replace
from typing import Any

import pytest

from app.errors import EmailTaken
from app.models.page import PageRequest
from app.models.user import UserRole
from app.repositories.users import UserRepository
from tests.support.made import HARD_TEXTS, later, user
from tests.support.races import at_once


def test_a_user_is_read_as_it_was_written(users: UserRepository) -> None:
    ana = user(role=UserRole.ADMIN, active=False)
    users.add(ana)

    assert users.get(ana.id) == ana
    assert users.find_by_email(ana.email) == ana


def test_who_is_not_there_is_none(users: UserRepository) -> None:
    assert not users.any()
    assert users.get("nobody") is None
    assert users.find_by_email("nobody@example.com") is None

    users.add(user())

    assert users.any()


@pytest.mark.parametrize(
    ("email", "same"),
    [("Ana@Example.com", "aNA@eXAMPLE.COM"), ("straße@example.com", "STRASSE@x")],
)
def test_an_email_is_found_and_taken_in_any_case(
    users: UserRepository, email: str, same: str
) -> None:
    same = same.replace("@x", "@EXAMPLE.com")
    ana = user(email=email)
    users.add(ana)

    assert users.find_by_email(same) == ana
    with pytest.raises(EmailTaken):
        users.add(user(email=same))


def test_of_many_founders_at_once_one_is_it(users: UserRepository) -> None:
    results = at_once(lambda _: users.add_founder(user()))

    assert results.count(True) == 1


def test_nobody_founds_what_has_users(users: UserRepository) -> None:
    users.add(user())

    assert not users.add_founder(user())


def test_of_many_with_one_email_one_is_added(users: UserRepository) -> None:
    def add(_: int) -> bool:
        try:
            users.add(user(email="ana@example.com"))
        except EmailTaken:
            return False
        return True

    assert at_once(add).count(True) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Ana 🌵 Lima"},
        {"password_hash": "new"},
        {"email": "New@example.com"},
        {"role": UserRole.ADMIN, "active": False},
        {},
    ],
    ids=str,
)
def test_given_fields_change_alone(
    users: UserRepository, changes: dict[str, Any]
) -> None:
    ana, other = user(), user()
    users.add(ana)
    users.add(other)

    changed = users.update(ana.id, changes, now=later(1))

    assert changed == replace(ana, **changes, updated_at=later(1))
    assert users.get(ana.id) == changed
    assert users.get(other.id) == other


def test_a_changed_email_is_found_and_taken(users: UserRepository) -> None:
    ana, other = user(email="ana@example.com"), user(email="other@example.com")
    users.add(ana)
    users.add(other)

    with pytest.raises(EmailTaken):
        users.update(ana.id, {"email": "OTHER@example.com"}, now=later(1))
    assert users.update(ana.id, {"email": "ANA@example.com"}, now=later(1))
    assert users.update(ana.id, {"email": "Bia@example.com"}, now=later(1))

    found = users.find_by_email("bia@example.com")
    assert found
    assert (found.id, found.email) == (ana.id, "Bia@example.com")
    assert users.find_by_email("ana@example.com") is None


@pytest.mark.parametrize(
    "meanwhile", [{"role": UserRole.ADMIN}, {"active": False}], ids=str
)
def test_a_change_may_depend_on_role_and_activity(
    users: UserRepository, meanwhile: dict[str, Any]
) -> None:
    ana = user()
    users.add(ana)

    assert users.update(ana.id, {"name": "Ana Lima"}, now=later(1), was=ana)
    now = users.update(ana.id, meanwhile, now=later(2))

    assert users.update(ana.id, {"name": "Late"}, now=later(3), was=ana) is None
    assert users.get(ana.id) == now
    assert users.update(ana.id, {"name": "Ana"}, now=later(3), was=now)


def test_changing_nobody_adds_nobody(users: UserRepository) -> None:
    assert users.update("nobody", {"name": "x"}, now=later(1)) is None

    assert not users.any()


@pytest.mark.parametrize(
    ("role", "active", "found"),
    [
        (UserRole.ADMIN, True, True),
        (UserRole.ADMIN, False, False),
        (UserRole.MEMBER, True, False),
    ],
)
def test_an_admin_counts_who_is_active_and_another(
    users: UserRepository, role: UserRole, *, active: bool, found: bool
) -> None:
    one = user(role=role, active=active)
    users.add(one)

    assert users.any_active_admin(besides="another") is found
    assert not users.any_active_admin(besides=one.id)


def test_users_are_listed_newest_first(users: UserRepository) -> None:
    made = [user(created_at=later(number)) for number in range(5)]
    for one in made:
        users.add(one)

    first = users.list_page(PageRequest(limit=3))
    second = users.list_page(PageRequest(limit=3, after=first.next))

    assert [*first.items, *second.items] == made[::-1]
    assert (first.total, second.total, second.next) == (5, 5, None)


def test_who_is_known_is_told(users: UserRepository) -> None:
    ana, bia = user(), user()
    users.add(ana)
    users.add(bia)

    assert users.find_ids([ana.id, "nobody", ana.id]) == {ana.id}
    assert users.find_ids([]) == set()


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_name_survives(users: UserRepository, text: str) -> None:
    ana = user(name=text)
    users.add(ana)

    assert users.get(ana.id) == ana
