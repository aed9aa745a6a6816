"""No answer holds more than its description says, and none a secret.

One pass over all routes as everybody whom they serve; the tests look at what came.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import app
from tests.support.all_answers import QUESTION, AllAnswers, Answer
from tests.support.allow_list import AllowList, strings_in
from tests.support.behaviour import Behaviour
from tests.support.fetched import one_page_everywhere
from tests.support.quick import cheap_passwords
from tests.support.route_table import ASSISTANT, GUARDED, ROUTES
from tests.support.running import Person, Server
from tests.support.upstream import Upstream

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

PROVIDER_KEY = "sk-canary-provider-4d1e-QPWOEIRU"
PROMPTS = ("You are the shop's voice.", str(ASSISTANT["instructions"]))
BCRYPT = re.compile(r"\$2[abxy]\$\d\d\$|bcrypt")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.")
API_KEY = re.compile(r"sk_[\w-]{43}")


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords(), one_page_everywhere():
        yield {"openai_api_key": PROVIDER_KEY}


@pytest.fixture(scope="module")
def everything(
    server: Server, admin: Person, owner: Person, model: Upstream
) -> AllAnswers:
    model.when(QUESTION, Behaviour(text="From nine to five [1]."))
    return AllAnswers(server, admin, owner)


@pytest.fixture(scope="module")
def answers(everything: AllAnswers) -> list[Answer]:
    return everything.answers


@pytest.fixture(scope="module")
def allowed(server: Server) -> AllowList:
    return AllowList(server.anonymous().get("/openapi.json").json())


def test_every_route_answered_everybody_whom_it_serves(answers: list[Answer]) -> None:
    assert {str(answer.route) for answer in answers} == {str(r) for r in ROUTES}
    assert [str(a) for a in answers if a.status != a.route.done] == []


def test_no_list_is_empty(answers: list[Answer]) -> None:
    assert [str(answer) for answer in answers if answer.body == []] == []
    cited = [answer for answer in answers if "quote" in answer.text]
    assert {"viewer", "read", "bot"} <= {answer.caller for answer in cited}


def test_no_field_comes_that_is_not_described(
    answers: list[Answer], allowed: AllowList
) -> None:
    found = []
    for answer in answers:
        if answer.body is None or answer.route.rule == "/openapi.json":
            continue
        if answer.schema:
            schema = allowed.schema_named(answer.schema)
        else:
            schema = allowed.schema_of(answer.route)
        found += [f"{answer}: {p}" for p in allowed.undeclared(answer.body, schema)]

    assert found == []


def test_all_but_files_and_pages_are_json(answers: list[Answer]) -> None:
    other = {str(answer.route) for answer in answers if answer.body is None}

    assert other == {
        "GET /docs",
        "GET /docs/start.js",
        "GET /docs/<any(css, js):kind>/<name>",
        "GET /assistants/<assistant_id>/export",
        "GET /documents/download/<document_id>",
        "POST /chats/enviarMensagemLLM",
    }


def test_no_answer_holds_what_the_server_keeps_to_itself(
    server: Server, everything: AllAnswers
) -> None:
    settings, keyring = server.settings, server.services.keyring
    keys = {
        key for answer in everything.answers for key in API_KEY.findall(answer.text)
    }
    secrets = {
        *everything.secrets,
        *(keyring.digest(key) for key in keys),
        *keyring.token_keys().values(),
        (settings.data_dir / "secret_key").read_text().strip(),
        PROVIDER_KEY,
        *(str(place.resolve()) for place in places(server)),
    }

    assert len(keys) > 10
    assert any(secret.startswith("bcrypt") for secret in secrets)
    for answer in everything.answers:
        assert [s for s in secrets if s in answer.text] == [], str(answer)
        assert not BCRYPT.search(answer.text), str(answer)


def places(server: Server) -> list[Path]:
    settings = server.settings
    return [settings.data_dir, settings.documents_dir, Path(app.__file__).parent]


def test_the_prompt_stands_in_the_instructions_alone(answers: list[Answer]) -> None:
    found = {
        (answer.route.rule.split("/")[1], place.removeprefix("[]"))
        for answer in answers
        for place, text in strings_in(answer.body)
        if any(prompt in text for prompt in PROMPTS)
    }

    assert found == {("assistants", ".instructions")}


@pytest.mark.parametrize("caller", ["bot", "read", "documents", "oneself", "nobody"])
def test_a_program_or_a_stranger_is_not_told_the_prompt(
    answers: list[Answer], caller: str
) -> None:
    texts = [answer.text for answer in answers if answer.caller == caller]

    assert texts
    assert not any(prompt in text for text in texts for prompt in PROMPTS)


def test_an_assistants_key_is_told_to_those_who_may_change_it(
    answers: list[Answer],
) -> None:
    told = {
        answer.caller for answer in answers if answer.key and answer.key in answer.text
    }

    assert told == {"editor", "owner", "admin"}


def test_credentials_stand_in_their_fields_alone(answers: list[Answer]) -> None:
    found = {
        place.rsplit(".", 1)[-1]
        for answer in answers
        for place, text in strings_in(answer.body)
        if API_KEY.search(text) or TOKEN.match(text)
    }

    assert found == {"api_key", "secret", "token", "refresh_token"}


def test_the_routes_with_a_key_are_called_with_one(answers: list[Answer]) -> None:
    asked = {(str(answer.route), answer.caller) for answer in answers}
    scopes = {"chat": "bot", "read": "read", "documents": "documents"}

    assert {
        (str(route), scopes[scope]) for route in GUARDED for scope in route.scopes
    } <= asked
