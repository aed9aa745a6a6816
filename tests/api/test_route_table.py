"""Who gets what from each route; a route that is not in the table fails here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apiflask import APIFlask

from app.config import Settings
from app.factory import create_app
from tests.support.quick import cheap_passwords
from tests.support.route_table import GUARDED, ROUTES, UNKNOWN_ID, Route
from tests.support.running import Person, Server
from tests.support.things import Things, call, everything, make_things, told
from tests.support.tokens import expired

AUTOMATIC = {"HEAD", "OPTIONS"}
LISTS = [route for route in ROUTES if {"after", "limit"} <= set(route.query)]
WITH_ID = [route for route in ROUTES if route.thing]
OF_ASSISTANTS = [route for route in WITH_ID if route.thing != "user"]
WITH_ASSISTANT = [route for route in ROUTES if "assistant_id" in route.query]


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def things(owner: Person) -> Things:
    return make_things(owner)


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIFlask]:
    folder: Path = tmp_path_factory.mktemp("app")
    made = create_app(
        Settings(_env_file=None, data_dir=folder, documents_dir=folder / "documents")
    )
    yield made
    made.extensions["services"].close()


def test_the_table_holds_every_route_and_no_other(app: APIFlask) -> None:
    present = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - AUTOMATIC
    }

    assert present == {str(route) for route in ROUTES}


def test_nothing_but_the_table_is_public(app: APIFlask) -> None:
    public = {route.rule for route in ROUTES if route.who == "public"}

    assert public == {
        "/auth/register",
        "/auth/login",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/docs/<any(css, js):kind>/<name>",
    }
    assert not app.debug


@pytest.mark.parametrize("path", ["/config.py", "/wiring.py", "/routes/auth.py"])
def test_the_source_is_not_served(nobody: httpx2.Client, path: str) -> None:
    assert nobody.get(path).status_code == 404


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_without_a_good_credential_the_answer_is_401(
    nobody: httpx2.Client, owner: Person, things: Things, admin: Person, route: Route
) -> None:
    before = everything(admin, things)

    path = things.path(route)
    for headers in wrong_credentials(owner, things, route):
        for method in {route.method} | ({"HEAD"} if route.method == "GET" else set()):
            answer = nobody.request(method, path, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            if method != "HEAD":
                assert answer.json()["error"]["code"] == "unauthorized"

    assert everything(admin, things) == before


@pytest.mark.parametrize("route", OF_ASSISTANTS, ids=str)
def test_what_is_somebody_elses_looks_like_what_does_not_exist(
    stranger: Person, admin: Person, things: Things, route: Route
) -> None:
    before = everything(admin, things)

    theirs = call(stranger.http, route, things.path(route))
    nobodys = call(stranger.http, route, route.path(UNKNOWN_ID))

    assert theirs.status_code == nobodys.status_code == 404
    assert told(theirs) == told(nobodys)
    assert everything(admin, things) == before


@pytest.mark.parametrize("route", [r for r in WITH_ID if r.inner], ids=str)
def test_a_part_of_something_else_is_not_found_through_ones_own(
    owner: Person, stranger: Person, admin: Person, things: Things, route: Route
) -> None:
    own = make_things(stranger)
    before = everything(admin, things)

    for person, whole, part in ((stranger, own, things), (owner, things, own)):
        path = route.path(whole.id_of(route.thing), part.id_of(route.inner))
        unknown = route.path(whole.id_of(route.thing), UNKNOWN_ID)
        answer, nobodys = (call(person.http, route, p) for p in (path, unknown))
        assert answer.status_code == nobodys.status_code == 404
        assert told(answer) == told(nobodys)

    assert everything(admin, things) == before


@pytest.mark.parametrize("route", WITH_ASSISTANT, ids=str)
def test_a_filter_by_somebody_elses_assistant_finds_no_assistant(
    stranger: Person, things: Things, route: Route
) -> None:
    theirs = call(
        stranger.http, route, route.path(), params={"assistant_id": things.assistant}
    )
    nobodys = call(
        stranger.http, route, route.path(), params={"assistant_id": UNKNOWN_ID}
    )

    assert theirs.status_code == nobodys.status_code == 404
    assert told(theirs) == told(nobodys)


def test_lists_show_a_newcomer_nothing(
    server: Server, admin: Person, things: Things
) -> None:
    newcomer = server.register()

    for route in LISTS:
        if route.role == "admin" or route.thing:
            continue
        answer = call(newcomer.http, route, route.path())
        assert answer.json() == [], route
        assert answer.headers["X-Total-Count"] == "0"


def test_an_upload_to_somebody_elses_assistant_finds_no_assistant(
    stranger: Person, admin: Person, things: Things
) -> None:
    before = everything(admin, things)

    answers = [
        stranger.http.post(
            "/documents/add",
            data={"type": kind, "assistant_id": assistant_id},
            files={"file": ("theirs.md", b"# Theirs")},
        )
        for kind in ("rag", "prompt")
        for assistant_id in (things.assistant, UNKNOWN_ID)
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(told(answer)) for answer in answers}) == 1
    assert everything(admin, things) == before


def test_an_assistant_is_not_made_for_another_owner(
    stranger: Person, owner: Person, admin: Person, things: Things
) -> None:
    before = everything(admin, things)

    answer = stranger.http.post(
        "/assistants/add", json={"name": "Theirs", "owner_id": owner.id}
    )

    assert answer.status_code == 403
    assert everything(admin, things) == before


@pytest.mark.parametrize("route", WITH_ID, ids=str)
def test_an_admin_may_do_it_all(admin: Person, owner: Person, route: Route) -> None:
    things = make_things(owner)

    answer = call(admin.http, route, things.path(route))

    assert answer.status_code == route.done


@pytest.mark.parametrize("route", OF_ASSISTANTS, ids=str)
def test_an_owner_may_do_it_all(owner: Person, route: Route) -> None:
    things = make_things(owner)

    answer = call(owner.http, route, things.path(route))

    assert answer.status_code == route.done


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.who == "public"], ids=str
)
def test_a_public_route_asks_for_no_credential(
    nobody: httpx2.Client, route: Route
) -> None:
    path = route.rule.replace("<any(css, js):kind>/<name>", "css/swagger-ui.css")

    answer = nobody.request(route.method, path)

    assert answer.status_code == (422 if route.body else 200)


def wrong_credentials(
    owner: Person, things: Things, route: Route
) -> Iterator[dict[str, str]]:
    access, key = owner.token, things.bot.key
    yield {}
    yield {"Authorization": ""}
    yield {"Authorization": "Bearer"}
    yield {"Authorization": "Bearer a=b"}
    yield {"Authorization": f"Basic {access}"}
    yield {"X-API-Key": "sk_unknown"}
    yield {"Cookie": f"token={access}; access_token_cookie={access}"}
    if route.who != "bot":
        yield {"Authorization": f"Bearer {key}"}
        if not route.scopes:
            yield {"X-API-Key": key}
        yield {"Authorization": f"Bearer {expired(owner.server, access)}"}
    if route.who != "refresh":
        yield {"Authorization": f"Bearer {owner.refresh_token}"}
    if route.who != "user":
        yield {"Authorization": f"Bearer {access}"}
        yield {"X-API-Key": access}
