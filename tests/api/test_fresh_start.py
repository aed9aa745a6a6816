"""A server that has just been set up lets nobody in who was not let in."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.route_table import GUARDED, UNKNOWN_ID
from tests.support.running import PASSWORD, Server, running
from tests.support.second import bare_store

TOKEN = "a setup token of the tests"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    with cheap_passwords(), running(tmp_path, setup_token=TOKEN) as made:
        yield made


def test_there_is_no_account_and_no_route_is_open(fresh: Server) -> None:
    with bare_store(fresh) as store:
        assert store["users"].count_documents({}) == 0
        assert store["api_keys"].count_documents({}) == 0
    http = fresh.anonymous()
    for route in GUARDED:
        answer = http.request(route.method, route.path(UNKNOWN_ID), json=route.body)
        assert answer.status_code == 401, route


@pytest.mark.parametrize("name", ["admin", "root", "admin@example.com", "admin@local"])
def test_usual_accounts_do_not_exist(fresh: Server, name: str) -> None:
    for password in ("admin", "password", "changeme", "admin123", ""):
        body = {"email": name, "password": password}
        answer = fresh.anonymous().post("/auth/login", json=body)
        assert answer.status_code in {401, 422}


def test_the_first_registration_needs_the_setup_token_that_is_set(
    fresh: Server,
) -> None:
    def register(**token: str | None) -> httpx2.Response:
        person = {"name": "Ana", "email": "a@example.com", "password": PASSWORD}
        return fresh.anonymous().post("/auth/register", json=person | token)

    for wrong in ("", TOKEN[:-1], TOKEN.upper(), f"{TOKEN} "):
        assert register(setup_token=wrong).status_code in {403, 422}
    assert register().status_code == 403

    made = register(setup_token=TOKEN)

    assert made.status_code == 201
    assert made.json()["user"]["role"] == "admin"
    assert TOKEN not in made.text
