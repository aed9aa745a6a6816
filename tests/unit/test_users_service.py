"""Accounts, as administrators keep them."""

from typing import Any

import pytest

from app.errors import Busy, EmailTaken, Forbidden, LastAdmin, UserNotFound
from app.models.page import PageRequest
from app.models.user import User, UserRole
from app.services.users import UserService
from tests.support.fake_console import FakeUsers
from tests.support.faults import Plan, faulty
from tests.support.made import NOW, later, user
from tests.support.races import THREADS, at_once

ANA = user(id="ana", email="ana@example.com", role=UserRole.ADMIN)
BIA = user(id="bia", email="bia@example.com", role=UserRole.ADMIN)
CARLA = user(id="carla", email="carla@example.com")
LOSSES: list[dict[str, Any]] = [
    {"role": UserRole.MEMBER},
    {"active": False},
    {"role": UserRole.MEMBER, "active": False, "name": "Nobody", "email": "n@x.com"},
]


class SignIns:
    def __init__(self) -> None:
        self.ended: list[str] = []

    def remove_for_user(self, user_id: str) -> None:
        self.ended.append(user_id)


class Accounts:
    """Stands for AuthService: what a user's service asks of it."""

    def __init__(self, users: FakeUsers) -> None:
        self._users = users
        self.busy = False

    def create(self, **fields: Any) -> User:
        made = user(**{n: v for n, v in fields.items() if n != "password"})
        self._users.add(made)
        return made

    def hash_password(self, password: str) -> str:
        if self.busy:
            raise Busy
        return f"hash of {password}"


class House:
    def __init__(self, *users: User) -> None:
        self.users, self.sign_ins = FakeUsers(*users), SignIns()
        self.accounts = Accounts(self.users)

    def service(self, plan: Plan | None = None) -> UserService:
        accounts: Any = self.accounts
        return UserService(
            users=faulty(self.users, plan or Plan()),
            sessions=self.sign_ins,
            auth=accounts,
            now=lambda: later(1),
        )


@pytest.mark.parametrize("changes", LOSSES, ids=str)
def test_the_last_administrator_stays(changes: dict[str, Any]) -> None:
    retired = user(role=UserRole.ADMIN, active=False)
    house = House(ANA, CARLA, retired)

    with pytest.raises(LastAdmin):
        house.service().update(ANA, ANA.id, changes)

    assert house.users.get(ANA.id) == ANA
    assert house.sign_ins.ended == []


@pytest.mark.parametrize("changes", LOSSES, ids=str)
@pytest.mark.parametrize("other", LOSSES[:2], ids=str)
@pytest.mark.parametrize(
    "call", ["FakeUsers.get", "FakeUsers.any_active_admin", "FakeUsers.update"]
)
def test_of_two_administrators_who_go_at_once_one_stays(
    changes: dict[str, Any], other: dict[str, Any], call: str
) -> None:
    house, plan = House(ANA, BIA, CARLA), Plan()
    refused: list[str] = []

    def go(service: UserService, who: str, changes: dict[str, Any]) -> None:
        try:
            service.update(ANA, who, changes)
        except LastAdmin:
            refused.append(who)

    plan.hooks[call] = lambda: go(house.service(), BIA.id, other)
    go(house.service(plan), ANA.id, changes)

    assert len(refused) == 1
    (left,) = (one for one in (ANA, BIA) if one.id in refused)
    assert house.users.get(left.id) == left
    assert house.users.any_active_admin(besides="nobody")
    assert left.id not in house.sign_ins.ended


def test_of_many_who_go_at_once_somebody_stays() -> None:
    people = [user(role=UserRole.ADMIN) for _ in range(THREADS)]
    house = House(*people)

    def go(number: int) -> bool:
        try:
            house.service().update(
                people[0], people[number].id, {"role": UserRole.MEMBER}
            )
        except LastAdmin:
            return False
        return True

    results = at_once(go)

    admins = [p for p in house.users.list_page(PageRequest()).items if p.is_admin]
    assert len(admins) == results.count(False) >= 1


def test_a_change_sees_what_changed_meanwhile() -> None:
    house, plan = House(ANA, CARLA), Plan()

    def swap() -> None:
        house.service().update(ANA, CARLA.id, {"role": UserRole.ADMIN})
        house.service().update(ANA, ANA.id, {"role": UserRole.MEMBER})

    plan.hooks["FakeUsers.get"] = swap
    with pytest.raises(LastAdmin):
        house.service(plan).update(ANA, CARLA.id, {"active": False})

    assert house.users.any_active_admin(besides=ANA.id)


def test_a_refused_change_is_undone_even_where_its_email_went() -> None:
    house, plan = House(ANA, BIA), Plan()

    def meanwhile() -> None:
        house.users.add(user(email=ANA.email))
        house.users.update(BIA.id, {"active": False}, now=NOW)

    plan.hooks["FakeUsers.update"] = meanwhile
    with pytest.raises((LastAdmin, EmailTaken)):
        house.service(plan).update(
            BIA, ANA.id, {"active": False, "email": "new@example.com"}
        )

    assert house.users.any_active_admin(besides=BIA.id)


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"name": "Carla Lima"}, False),
        ({"email": "c@example.com"}, False),
        ({"role": UserRole.MEMBER, "active": True}, False),
        ({}, False),
        ({"role": UserRole.ADMIN}, True),
        ({"active": False}, True),
        ({"password": "new"}, True),
        ({"password": "new", "active": False}, True),
    ],
    ids=str,
)
def test_password_role_and_activity_end_the_sign_ins(
    changes: dict[str, Any], *, ends: bool
) -> None:
    house = House(ANA, CARLA)

    changed = house.service().update(ANA, CARLA.id, changes)

    assert house.sign_ins.ended == ([CARLA.id] if ends else [])
    kept = house.users.get(CARLA.id)
    assert kept
    for name, value in changes.items():
        if name == "password":
            assert kept.password_hash == changed.password_hash == f"hash of {value}"
        else:
            assert getattr(kept, name) == getattr(changed, name) == value


def test_a_password_that_cannot_be_hashed_now_changes_nothing_else() -> None:
    house = House(ANA, CARLA)
    house.accounts.busy = True

    with pytest.raises(Busy):
        house.service().update(
            ANA, CARLA.id, {"role": UserRole.ADMIN, "password": "new"}
        )

    assert house.users.get(CARLA.id) == CARLA
    assert house.sign_ins.ended == []


def test_nobody_else_may() -> None:
    house = House(ANA, CARLA)
    service = house.service()
    for use in (
        lambda: service.list_page(CARLA, PageRequest()),
        lambda: service.create(
            CARLA, name="x", email="x@x.com", password="p", role=UserRole.MEMBER
        ),
        lambda: service.update(CARLA, CARLA.id, {"name": "x"}),
        lambda: service.update(CARLA, "nobody", {"name": "x"}),
    ):
        with pytest.raises(Forbidden):
            use()
    assert house.users.get(CARLA.id) == CARLA
    with pytest.raises(UserNotFound):
        service.update(ANA, "nobody", {"name": "x"})
