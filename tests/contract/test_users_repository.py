from dataclasses import replace

import pytest

from app.errors import EmailTaken
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


def test_name_and_password_change_alone(users: UserRepository) -> None:
    ana, other = user(), user()
    users.add(ana)
    users.add(other)

    users.save_name(ana.id, name="Ana 🌵 Lima", now=later(1))
    assert users.get(ana.id) == replace(ana, name="Ana 🌵 Lima", updated_at=later(1))

    users.save_password(ana.id, password_hash="new", now=later(2))
    assert users.get(ana.id) == replace(
        ana, name="Ana 🌵 Lima", password_hash="new", updated_at=later(2)
    )
    assert users.get(other.id) == other


def test_changing_nobody_adds_nobody(users: UserRepository) -> None:
    users.save_name("nobody", name="x", now=later(1))
    users.save_password("nobody", password_hash="x", now=later(1))

    assert not users.any()


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_name_survives(users: UserRepository, text: str) -> None:
    ana = user(name=text)
    users.add(ana)

    assert users.get(ana.id) == ana
