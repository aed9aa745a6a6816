"""Users, as administrators keep them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.route_table import UNKNOWN_ID
from tests.support.running import PASSWORD, Person, Server, running
from tests.support.second import second_server

SHOWN = {"_id", "email", "name", "role", "active", "createdAt", "updatedAt"}
AT_ONCE = 1.0
LONG = "a longer password than before"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


def create(admin: Person, **fields: Any) -> httpx2.Response:
    usual = {
        "name": "Rita",
        "email": f"rita{time.monotonic_ns()}@example.com",
        "password": PASSWORD,
    }
    return admin.http.post("/users", json=usual | fields)


def change(admin: Person, user_id: str, **fields: Any) -> httpx2.Response:
    return admin.http.patch(f"/users/{user_id}", json=fields)


def listed(admin: Person) -> dict[str, dict[str, Any]]:
    return {row["_id"]: row for row in admin.http.get("/users").json()}


def test_an_administrator_creates_users_of_both_roles(
    server: Server, admin: Person
) -> None:
    for role in ("member", "admin"):
        answer = create(admin, role=role)

        body = answer.json()
        assert answer.status_code == 201
        assert set(body) == SHOWN | {"id"}
        assert body["id"] == body["_id"]
        assert answer.headers["Location"] == f"/users/{body['_id']}"
        assert (body["role"], body["active"]) == (role, True)
        shown = {name: body[name] for name in SHOWN}
        assert listed(admin)[body["_id"]] == shown
        assert admin.http.get(answer.headers["Location"]).json() == shown
        person = server.sign_in(body["email"])
        assert person.http.get("/users").status_code == (
            200 if role == "admin" else 403
        )
        change(admin, person.id, role="member").raise_for_status()


def test_no_password_and_no_hash_of_one_is_shown(admin: Person) -> None:
    made = create(admin)
    changed = change(admin, made.json()["_id"], password=LONG)

    for answer in (made, changed, admin.http.get("/users")):
        assert answer.is_success
        for secret in ("bcrypt", "password", PASSWORD, LONG):
            assert secret not in answer.text


def test_users_are_walked_newest_first(admin: Person) -> None:
    made = [create(admin).json()["_id"] for _ in range(5)]

    walked: list[str] = []
    address = "/users?limit=2"
    while address and len(walked) < 5:
        answer = admin.http.get(address)
        assert int(answer.headers["X-Total-Count"]) >= 6
        walked += [row["_id"] for row in answer.json()]
        address = answer.links["next"]["url"] if "Link" in answer.headers else ""

    assert walked[:5] == made[::-1]


def test_an_email_is_given_once(admin: Person) -> None:
    one, other = create(admin).json(), create(admin).json()

    again = create(admin, email=one["email"].upper())
    moved = change(admin, other["_id"], email=one["email"], name="Somebody")

    for answer in (again, moved):
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "email_taken"
    assert listed(admin)[other["_id"]] == {n: other[n] for n in SHOWN}


def test_given_fields_change_alone(server: Server, admin: Person) -> None:
    made = create(admin).json()

    renamed = change(admin, made["_id"], name="Rita Lima").json()
    assert renamed == {n: made[n] for n in SHOWN} | {
        "name": "Rita Lima",
        "updatedAt": renamed["updatedAt"],
    }
    moved = change(admin, made["_id"], email="Rita.Lima@example.com").json()
    assert moved["email"] == "Rita.Lima@example.com"
    assert server.sign_in("rita.lima@example.com").id == made["_id"]
    assert change(admin, made["_id"]).json() == listed(admin)[made["_id"]]


def test_an_unknown_user_is_not_found(admin: Person) -> None:
    answer = change(admin, UNKNOWN_ID, name="x")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "user_not_found"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("email", "no e-mail"),
        ("email", None),
        ("password", "short"),
        ("password", "Password123"),
        ("password", None),
        ("role", "owner"),
        ("role", None),
        ("active", None),
        ("active", 1),
        ("_id", UNKNOWN_ID),
        ("password_hash", "x"),
        ("founder", True),
        ("created_at", "2026-01-01"),
    ],
)
def test_a_bad_value_is_refused(admin: Person, field: str, value: Any) -> None:
    made = create(admin).json()

    answers = [change(admin, made["_id"], **{field: value})]
    if field != "active":
        answers.append(create(admin, **{field: value}))

    for answer in answers:
        assert answer.status_code == 422
        assert set(answer.json()["error"]["fields"]) == {field}
    assert listed(admin)[made["_id"]] == {n: made[n] for n in SHOWN}


def test_role_activity_and_password_end_the_sign_ins_in_every_process(
    server: Server, admin: Person, tmp_path: Path
) -> None:
    ends: list[dict[str, Any]] = [
        {"role": "admin"},
        {"role": "member"},
        {"active": False},
        {"active": True, "password": LONG},
    ]
    made = create(admin).json()
    with cheap_passwords(), second_server(server, tmp_path) as second:
        for end in ends:
            change(admin, made["_id"], active=True).raise_for_status()
            person = second.sign_in(made["email"])
            assert person.http.get("/auth/me").is_success
            change(admin, made["_id"], name="Another name").raise_for_status()
            assert person.http.get("/auth/me").is_success

            change(admin, made["_id"], **end).raise_for_status()

            began = time.monotonic()
            assert person.http.get("/auth/me").status_code == 401, end
            refresh = {"Authorization": f"Bearer {person.refresh_token}"}
            again = second.anonymous().post("/auth/refresh", headers=refresh)
            assert again.status_code == 401
            assert time.monotonic() - began < AT_ONCE
    body = {"email": made["email"], "password": PASSWORD}
    assert server.anonymous().post("/auth/login", json=body).status_code == 401
    assert server.sign_in(made["email"], LONG)


def test_a_disabled_user_comes_back_as_they_were(server: Server, admin: Person) -> None:
    person = server.register()
    bot = person.create_assistant()
    change(admin, person.id, active=False).raise_for_status()
    body = {"email": person.email, "password": PASSWORD}
    refused = server.anonymous().post("/auth/login", json=body)
    assert refused.json()["error"]["code"] == "invalid_credentials"

    change(admin, person.id, active=True).raise_for_status()

    assert person.http.get("/auth/me").status_code == 401
    again = server.sign_in(person.email)
    assert again.http.get(f"/assistants/get/{bot.id}").is_success


def test_a_demoted_administrator_sees_their_own_again(
    server: Server, admin: Person, owner: Person
) -> None:
    theirs = owner.create_assistant().id
    made = create(admin, role="admin").json()
    assert (
        server.sign_in(made["email"]).http.get(f"/assistants/get/{theirs}").is_success
    )

    change(admin, made["_id"], role="member").raise_for_status()

    person = server.sign_in(made["email"])
    assert person.http.get(f"/assistants/get/{theirs}").status_code == 404
    assert person.http.get("/users").status_code == 403


@pytest.mark.parametrize("loss", [{"role": "member"}, {"active": False}], ids=str)
def test_the_last_administrator_stays(tmp_path: Path, loss: dict[str, Any]) -> None:
    with cheap_passwords(), running(tmp_path) as server:
        first = server.register()
        second = create(first, role="admin").json()

        assert change(first, second["_id"], **loss).is_success
        refused = change(first, first.id, **loss, name="Nobody")

        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "last_admin"
        assert first.http.get("/auth/me").json()["name"] != "Nobody"
        assert change(first, second["_id"], role="admin", active=True).is_success
        assert change(first, first.id, **loss).is_success
        assert first.http.get("/auth/me").status_code == 401


def test_administrators_who_demote_each_other_at_once_do_not_all_go(
    tmp_path: Path,
) -> None:
    with cheap_passwords(), running(tmp_path) as server:
        first = server.register()
        for _ in range(5):
            other = server.sign_in(create(first, role="admin").json()["email"])
            pairs = [(first, other.id), (other, first.id)]

            def demote(pair: tuple[Person, str]) -> int:
                return change(pair[0], pair[1], role="member").status_code

            with ThreadPoolExecutor(2) as pool:
                statuses = list(pool.map(demote, pairs))

            assert set(statuses) <= {200, 401, 403, 409}
            left = [server.sign_in(p.email) for p in (first, other)]
            admins = [p for p in left if p.http.get("/users").is_success]
            assert admins
            first = admins[0]
