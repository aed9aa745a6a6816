"""What a member's role and a key's scope open, of each route in the table."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fetched import one_page_everywhere
from tests.support.quick import cheap_passwords
from tests.support.route_table import GUARDED, ROUTES, UNKNOWN_ID, Route
from tests.support.running import Person, Server
from tests.support.second import bare_store
from tests.support.things import (
    SCOPES,
    Things,
    call,
    call_on,
    everything,
    further_key,
    make_things,
    told,
)

OF_ASSISTANTS = [route for route in ROUTES if route.thing and route.thing != "user"]
WITH_SCOPES = [route for route in ROUTES if route.scopes]
OF_ADMINS = [route for route in ROUTES if route.role == "admin"]
ROLES = ("viewer", "attendant", "editor", "owner", "admin")
MEMBERS = ("viewer", "attendant", "editor")
KINDS = ("rag", "prompt")
BELOW = [
    (route, role)
    for route in OF_ASSISTANTS
    for role in MEMBERS
    if ROLES.index(role) < ROLES.index(route.role)
]
ABOVE = [
    (route, role)
    for route in OF_ASSISTANTS
    for role in MEMBERS
    if (route, role) not in BELOW
]
OPEN = [(route, scope) for route in ROUTES for scope in route.scopes]
SHUT = [
    (route, scope)
    for route in GUARDED
    for scope in SCOPES
    if (route, scope) not in OPEN
]


# What is decided before the store is asked.
EMBEDDED = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords(), one_page_everywhere():
        yield {}


@pytest.fixture(scope="module")
def members(server: Server, admin: Person) -> dict[str, Person]:
    """Return a person for each role that an owner gives."""
    return {role: server.register() for role in MEMBERS}


@pytest.fixture(scope="module")
def things(owner: Person, members: dict[str, Person]) -> Things:
    return make_things(owner, members)


@pytest.mark.parametrize(("route", "role"), ABOVE, ids=str)
def test_a_member_may_do_what_the_role_says(
    owner: Person, members: dict[str, Person], route: Route, role: str
) -> None:
    given = make_things(owner, members)

    answer = call(members[role].http, route, given.path(route))

    assert answer.status_code == route.done


@pytest.mark.parametrize(("route", "role"), BELOW, ids=str)
def test_a_member_may_do_no_more_than_the_role_says(
    admin: Person, members: dict[str, Person], things: Things, route: Route, role: str
) -> None:
    before = everything(admin, things)

    answer = call(members[role].http, route, things.path(route))

    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
    assert everything(admin, things) == before


@pytest.mark.parametrize("role", MEMBERS)
def test_only_an_editor_uploads(
    admin: Person,
    members: dict[str, Person],
    owner: Person,
    role: str,
) -> None:
    things = make_things(owner, members)
    before = everything(admin, things)

    answers = [members[role].upload(things.bot, "x.txt", "Hi", k) for k in KINDS]

    if role == "editor":
        assert {answer.status_code for answer in answers} == {201}
        return
    assert {answer.status_code for answer in answers} == {403}
    assert everything(admin, things) == before


@pytest.mark.parametrize("route", OF_ADMINS, ids=str)
def test_what_is_an_administrators_is_forbidden_to_others(
    owner: Person,
    members: dict[str, Person],
    admin: Person,
    things: Things,
    route: Route,
) -> None:
    before = everything(admin, things)

    for person in (owner, *members.values()):
        for path in (things.path(route), route.path(UNKNOWN_ID)):
            answer = call(person.http, route, path)
            assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")

    assert everything(admin, things) == before


@pytest.mark.parametrize(("route", "scope"), OPEN, ids=str)
def test_a_key_opens_the_routes_of_its_scope(
    server: Server, owner: Person, route: Route, scope: str
) -> None:
    given = make_things(owner)
    http = server.client({"X-API-Key": given.keys[scope]})
    if route.inner == "message" and scope == "chat":
        http = given.bot.http  # a posting key reads what it posted itself

    answer = call_on(http, route, given)

    assert answer.status_code == route.done, answer.text


@EMBEDDED
@pytest.mark.parametrize(("route", "scope"), SHUT, ids=str)
def test_a_key_opens_no_other_route(
    server: Server, admin: Person, things: Things, route: Route, scope: str
) -> None:
    before = everything(admin, things)

    http = server.client({"X-API-Key": things.keys[scope]})
    answer = call(http, route, things.path(route))

    expected = (403, "forbidden") if route.scopes else (401, "unauthorized")
    assert (answer.status_code, told(answer)["code"]) == expected
    assert everything(admin, things) == before


@pytest.mark.parametrize("route", [r for r in WITH_SCOPES if r.thing], ids=str)
def test_a_key_finds_nothing_of_another_assistant(
    server: Server, owner: Person, admin: Person, things: Things, route: Route
) -> None:
    other = make_things(owner)
    before = everything(admin, things)

    for scope in route.scopes:
        http = server.client({"X-API-Key": other.keys[scope]})
        theirs = call(http, route, things.path(route))
        nobodys = call(http, route, route.path(UNKNOWN_ID))
        assert theirs.status_code == nobodys.status_code == 404
        assert told(theirs) == told(nobodys)

    assert everything(admin, things) == before


@pytest.mark.parametrize(
    "route", [r for r in WITH_SCOPES if "assistant_id" in r.query], ids=str
)
def test_a_list_shows_a_key_its_own_assistant_alone(
    server: Server, owner: Person, things: Things, route: Route
) -> None:
    other = make_things(owner)
    http = server.client({"X-API-Key": things.keys[route.scopes[0]]})

    path = things.path(route)
    shown = call(http, route, path).json()
    assert {row["assistant_id"] for row in shown} <= {things.assistant}
    assert shown or route.rule == "/chats/listarInativos"
    for assistant_id in (other.assistant, UNKNOWN_ID):
        found = call(http, route, path, params={"assistant_id": assistant_id})
        assert found.status_code == 404


@pytest.mark.parametrize("route", WITH_SCOPES, ids=str)
def test_an_expired_or_deleted_key_opens_nothing(
    server: Server, owner: Person, admin: Person, things: Things, route: Route
) -> None:
    before = everything(admin, things)

    for spoil in (expire_key, delete_key):
        for scope in route.scopes:
            made = further_key(owner, things.assistant, scope)
            spoil(server, owner, things, made["_id"])
            http = server.client({"X-API-Key": made["secret"]})
            answer = call(http, route, things.path(route))
            assert (answer.status_code, told(answer)["code"]) == (401, "unauthorized")
            if spoil is expire_key:
                delete_key(server, owner, things, made["_id"])

    assert everything(admin, things) == before


@pytest.mark.parametrize(
    "route", [route for route in WITH_SCOPES if route.who == "user"], ids=str
)
@EMBEDDED
def test_of_two_credentials_the_access_token_counts(
    server: Server, owner: Person, stranger: Person, things: Things, route: Route
) -> None:
    key = things.keys[route.scopes[0]]
    path = things.path(route)

    for wrong in ("", "Bearer", "Bearer x", f"bearer {key}", "Basic eDp4"):
        http = server.client({"Authorization": wrong, "X-API-Key": key})
        assert call(http, route, path).status_code == 401, wrong
    for token in (f"Bearer {stranger.token}", f"bearer {stranger.token}"):
        http = server.client({"Authorization": token, "X-API-Key": key})
        answer = call(http, route, path)
        expected = call(stranger.http, route, path)
        assert answer.status_code == expected.status_code
        assert (
            answer.status_code == 404
            or route.upload
            or answer.json() == (expected.json())
        )


def expire_key(server: Server, _owner: Person, _things: Things, key_id: str) -> None:
    with bare_store(server) as store:
        row = store["api_keys"].find_one({"_id": key_id})
        assert row is not None
        changes = {"$set": {"expires_at": row["created_at"]}}
        store["api_keys"].update_one({"_id": key_id}, changes)


def delete_key(_server: Server, owner: Person, things: Things, key_id: str) -> None:
    path = f"/assistants/{things.assistant}/keys/{key_id}"
    owner.http.delete(path).raise_for_status()
