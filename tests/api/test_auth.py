"""Accounts and sign-ins: who gets in, how long, and what ends it."""

import json
import re
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apiflask import APIFlask

from app.cli import register_commands
from app.config import Settings
from app.factory import create_app
from tests.support.quick import cheap_passwords
from tests.support.running import PASSWORD, Person, Server, running
from tests.support.second import bare_store, second_server

EMBEDDED = pytest.mark.parametrize("server", ["embedded"], indirect=True)
AT_ONCE = 1.0
READS_WITHIN = 3.0
WRONG = "wrong horse battery"
SETUP_TOKEN = "made-up-setup-token"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


@pytest.fixture
def user(server: Server, admin: Person) -> Person:
    """Return somebody whose sign-ins a test may end."""
    return server.register()


def register(http: httpx2.Client, email: str, **more: Any) -> httpx2.Response:
    body = {"name": "Ana", "email": email, "password": PASSWORD}
    headers = more.pop("headers", None)
    return http.post("/auth/register", json=body | more, headers=headers)


def login(http: httpx2.Client, email: str, password: str = PASSWORD) -> httpx2.Response:
    return http.post("/auth/login", json={"email": email, "password": password})


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["code"])


def is_in(server: Server, token: str) -> bool:
    with httpx2.Client(base_url=server.base_url) as http:
        answer = http.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


# Registration


def test_the_first_user_is_the_admin_and_the_others_are_members(
    admin: Person, user: Person
) -> None:
    assert admin.http.get("/auth/me").json()["role"] == "admin"
    assert user.http.get("/auth/me").json()["role"] == "member"


def test_registering_tells_who_was_registered(
    nobody: httpx2.Client, admin: Person
) -> None:
    answer = register(nobody, "New.Person@Example.com")

    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"message", "user"}
    assert set(body["user"]) == {"id", "email", "name", "role"}
    assert body["user"]["email"].lower() == "new.person@example.com"
    assert body["user"]["role"] == "member"


def test_an_email_is_taken_whatever_its_case(
    nobody: httpx2.Client, admin: Person
) -> None:
    assert register(nobody, "twice@example.com").status_code == 201

    for email in ("twice@example.com", "TWICE@example.com", "Twice@EXAMPLE.COM"):
        answer = register(nobody, email)
        assert (answer.status_code, code(answer)) == (409, "email_taken")
        assert login(nobody, email).is_success


@pytest.mark.parametrize(
    "email", ["", "x", "x@", "@x", "a b@example.com", "x@localhost", "x@example.com\n"]
)
@EMBEDDED
def test_an_email_that_is_none_is_refused(
    nobody: httpx2.Client, admin: Person, email: str
) -> None:
    answer = register(nobody, email)

    assert answer.status_code == 422 or answer.json()["user"]["email"] == email.strip()


def test_of_eight_at_once_exactly_one_becomes_admin(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path
) -> None:
    with cheap_passwords(8), fresh(server, tmp_path) as made:
        barrier = threading.Barrier(8)

        def come(number: int) -> httpx2.Response:
            with httpx2.Client(base_url=made.base_url) as http:
                barrier.wait()
                return register(http, f"racer{number}@example.com")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(come, range(8)))

    came = [a.json()["user"]["role"] for a in answers if a.status_code == 201]
    assert came.count("admin") == 1
    for answer in answers:
        assert answer.status_code in {201, 503}
        assert (answer.status_code == 503) == ("Retry-After" in answer.headers)


def fresh(server: Server, folder: Path) -> Any:
    """Serve an empty store of the same kind as the server's."""
    uri = server.settings.mongodb_uri
    if uri is None:
        return running(folder)
    empty = re.sub(r"/test_\w+", f"/test_fresh_{time.monotonic_ns()}", _plain(uri))
    return running(folder, mongodb_uri=empty, secret_key=server.settings.secret_key)


def _plain(secret: Any) -> str:
    return str(secret.get_secret_value())


def test_closed_registration_takes_nobody_not_even_the_first(tmp_path: Path) -> None:
    with cheap_passwords(), running(tmp_path, registration="closed") as made:
        answer = register(made.anonymous(), "first@example.com")

    assert (answer.status_code, code(answer)) == (403, "registration_closed")


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": ""},
        {"Forwarded": "for=203.0.113.7"},
        {"X-Real-IP": "203.0.113.7"},
        {"X-Forwarded-Host": "bot.example"},
    ],
    ids=str,
)
def test_behind_a_proxy_the_first_needs_the_setup_token(
    tmp_path: Path, header: dict[str, str]
) -> None:
    with cheap_passwords(), running(tmp_path) as made:
        http = made.anonymous()
        for token in ({}, {"setup_token": None}, {"setup_token": "x" * 24}):
            refused = register(http, "first@example.com", headers=header, **token)
            assert (refused.status_code, code(refused)) == (403, "setup_token_required")
        token = {"setup_token": made.services.keyring.setup_token()}
        taken = register(http, "first@example.com", headers=header, **token)
        second = register(http, "second@example.com", headers=header)

    assert taken.json()["user"]["role"] == "admin"
    assert second.json()["user"]["role"] == "member"


def test_from_another_address_the_first_needs_the_setup_token(tmp_path: Path) -> None:
    app = offline_app(tmp_path)
    http = app.test_client()
    body = {"name": "Ana", "email": "first@example.com", "password": PASSWORD}
    token = app.extensions["services"].keyring.setup_token()
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}

    refused = http.post("/auth/register", json=body, environ_base=elsewhere)
    taken = http.post(
        "/auth/register", json=body | {"setup_token": token}, environ_base=elsewhere
    )
    app.extensions["services"].close()

    assert refused.status_code == 403
    assert taken.status_code == 201


def test_a_setup_token_of_ones_own_is_needed_from_everywhere(tmp_path: Path) -> None:
    with cheap_passwords(), running(tmp_path, setup_token=SETUP_TOKEN) as made:
        http = made.anonymous()
        made_by_us = made.services.keyring.setup_token()
        for token in (None, "", "x", made_by_us, SETUP_TOKEN + "x", "ключ" * 5):
            refused = register(http, "first@example.com", setup_token=token)
            assert refused.status_code == 403
        taken = register(http, "first@example.com", setup_token=SETUP_TOKEN)
        second = register(http, "second@example.com")

    assert taken.json()["user"]["role"] == "admin"
    assert second.json()["user"]["role"] == "member"


# Sign-in


def test_a_sign_in_gives_two_tokens(nobody: httpx2.Client, user: Person) -> None:
    body = login(nobody, user.email.upper()).json()

    assert set(body) == {"token", "refresh_token", "expires_in", "user"}
    assert body["expires_in"] == 72 * 3600
    assert set(body["user"]) == {"id", "email", "name", "role"}


def test_somebody_unknown_and_a_wrong_password_look_the_same(
    nobody: httpx2.Client, user: Person
) -> None:
    answers = [
        login(nobody, user.email, WRONG),
        login(nobody, "nobody@example.com", WRONG),
        login(nobody, "no e-mail at all", WRONG),
    ]

    for answer in answers:
        error = answer.json()["error"]
        error.pop("request_id")
        assert answer.status_code == 401
        assert error == {
            "code": "invalid_credentials",
            "message": "E-mail and password do not match.",
        }


def test_somebody_unknown_and_a_wrong_password_take_the_same_time(
    tmp_path: Path,
) -> None:
    with cheap_passwords(9), running(tmp_path) as made:
        known = made.register().email
        http = made.anonymous()
        took: dict[str, list[float]] = {known: [], "nobody@example.com": []}
        for _ in range(40):
            for email, times in took.items():
                with bare_store(made) as store:
                    store["login_attempts"].delete_many({})
                began = time.perf_counter()
                assert login(http, email, WRONG).status_code == 401
                times.append(time.perf_counter() - began)

    one, other = (statistics.median(times) for times in took.values())
    assert abs(one - other) < 0.1 * max(one, other)


def test_i_can_change_my_name(user: Person) -> None:
    renamed = user.http.patch("/auth/me", json={"name": "Ana Souza"})

    assert renamed.json()["name"] == "Ana Souza"
    assert user.http.get("/auth/me").json() == renamed.json()


def test_messages_come_in_the_callers_language(user: Person) -> None:
    portuguese = {"Accept-Language": "pt-BR,pt;q=0.9"}

    out = user.http.post("/auth/logout", headers=portuguese)

    assert out.json() == {"message": "Sessão encerrada."}


# What ends a sign-in


def refreshed(server: Server, token: str) -> httpx2.Response:
    with httpx2.Client(base_url=server.base_url) as http:
        return http.post("/auth/refresh", headers={"Authorization": f"Bearer {token}"})


def test_a_refresh_gives_a_new_pair_and_the_sign_in_goes_on(
    server: Server, user: Person
) -> None:
    first = refreshed(server, user.refresh_token).json()
    second = refreshed(server, first["refresh_token"]).json()

    assert (
        len({user.refresh_token, first["refresh_token"], second["refresh_token"]}) == 3
    )
    assert is_in(server, user.token)
    assert is_in(server, second["token"])


def test_a_refresh_token_used_twice_ends_that_sign_in_everywhere(
    server: Server, user: Person, tmp_path: Path
) -> None:
    other = server.sign_in(user.email)
    first = refreshed(server, user.refresh_token).json()
    assert is_in(server, first["token"])

    again = refreshed(server, user.refresh_token)

    assert again.status_code == 401
    assert not is_in(server, first["token"])
    assert not is_in(server, user.token)
    assert refreshed(server, first["refresh_token"]).status_code == 401
    assert is_in(server, other.token)


def test_of_parallel_refreshes_with_one_token_at_most_one_succeeds(
    server: Server, user: Person
) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: refreshed(server, user.refresh_token), range(6))
        )

    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 401}
    assert statuses.count(200) <= 1


def test_what_ends_a_sign_in_ends_it_at_once_in_every_process(
    server: Server, admin: Person, tmp_path: Path
) -> None:
    with cheap_passwords(), second_server(server, tmp_path) as second:
        for end in (log_out, change_password, reuse_refresh, disable, forget):
            user = server.register()
            assert is_in(second, user.token)
            end(server, user)
            began = time.monotonic()
            assert not is_in(second, user.token), end
            assert not is_in(server, user.token), end
            assert refreshed(second, user.refresh_token).status_code == 401
            assert time.monotonic() - began < AT_ONCE


def log_out(_server: Server, user: Person) -> None:
    assert user.http.post("/auth/logout").is_success


def change_password(_server: Server, user: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": WRONG}
    assert user.http.post("/auth/password", json=body).is_success


def reuse_refresh(server: Server, user: Person) -> None:
    refreshed(server, user.refresh_token)
    refreshed(server, user.refresh_token)


def disable(server: Server, user: Person) -> None:
    with bare_store(server) as store:
        store["users"].update_one({"_id": user.id}, {"$set": {"active": False}})


def forget(server: Server, user: Person) -> None:
    with bare_store(server) as store:
        store["users"].delete_one({"_id": user.id})


def test_a_logout_ends_this_sign_in_only(server: Server, user: Person) -> None:
    other = server.sign_in(user.email)

    user.http.post("/auth/logout").raise_for_status()

    assert not is_in(server, user.token)
    assert is_in(server, other.token)


def test_a_changed_password_ends_all_others_and_starts_one(
    server: Server, nobody: httpx2.Client, user: Person
) -> None:
    other = server.sign_in(user.email)
    body = {"current_password": PASSWORD, "new_password": "another one, longer"}

    changed = user.http.post("/auth/password", json=body)

    assert changed.is_success
    assert set(changed.json()) == {
        "message",
        "token",
        "refresh_token",
        "expires_in",
        "user",
    }
    assert is_in(server, changed.json()["token"])
    assert not is_in(server, user.token)
    assert not is_in(server, other.token)
    assert login(nobody, user.email, "another one, longer").is_success
    assert login(nobody, user.email).status_code == 401


def test_a_wrong_current_password_changes_nothing(
    server: Server, nobody: httpx2.Client, user: Person
) -> None:
    body = {"current_password": WRONG, "new_password": "another one, longer"}

    refused = user.http.post("/auth/password", json=body)

    assert (refused.status_code, code(refused)) == (401, "invalid_credentials")
    assert is_in(server, user.token)
    assert login(nobody, user.email).is_success


def test_guesses_at_the_current_password_are_limited(user: Person) -> None:
    body = {"current_password": WRONG, "new_password": "another one, longer"}
    guesses = [user.http.post("/auth/password", json=body) for _ in range(11)]

    assert [g.status_code for g in guesses] == [401] * 10 + [429]
    assert int(guesses[-1].headers["Retry-After"]) > 0


def test_a_disabled_user_cannot_sign_in(
    server: Server, nobody: httpx2.Client, user: Person
) -> None:
    disable(server, user)

    answer = login(nobody, user.email)

    assert (answer.status_code, code(answer)) == (401, "invalid_credentials")


def test_an_expired_session_is_over(server: Server, user: Person) -> None:
    with bare_store(server) as store:
        for row in store["sessions"].find({"user_id": user.id}):
            past = row["expires_at"] - timedelta(days=31)
            store["sessions"].update_one(
                {"_id": row["_id"]}, {"$set": {"expires_at": past}}
            )

    assert not is_in(server, user.token)


# Guessing


@pytest.fixture
def _forgotten(server: Server) -> Iterator[None]:
    forget_attempts(server)
    yield
    forget_attempts(server)


def forget_attempts(server: Server) -> None:
    with bare_store(server) as store:
        store["login_attempts"].delete_many({})


def let_time_pass(server: Server, minutes: float) -> None:
    with bare_store(server) as store:
        for row in store["login_attempts"].find({}):
            for attempt in row["attempts"]:
                attempt["at"] -= timedelta(minutes=minutes)
            store["login_attempts"].replace_one({"_id": row["_id"]}, row)


@pytest.mark.usefixtures("_forgotten")
def test_ten_failures_lock_the_account_for_a_while(
    server: Server, nobody: httpx2.Client, user: Person
) -> None:
    for _ in range(10):
        assert login(nobody, user.email, WRONG).status_code == 401

    for password in (WRONG, PASSWORD):
        locked = login(nobody, user.email.upper(), password)
        assert (locked.status_code, code(locked)) == (429, "too_many_login_attempts")
        assert 800 < int(locked.headers["Retry-After"]) <= 901
    assert server.register().id  # others at the same address are not affected
    assert is_in(server, user.token)

    let_time_pass(server, 15)

    assert login(nobody, user.email).is_success


@pytest.mark.usefixtures("_forgotten")
def test_a_right_password_clears_the_account(
    nobody: httpx2.Client, user: Person
) -> None:
    for _ in range(3):
        for _ in range(9):
            assert login(nobody, user.email, WRONG).status_code == 401
        assert login(nobody, user.email).is_success


@pytest.mark.usefixtures("_forgotten")
def test_an_unknown_account_is_locked_like_a_known_one(nobody: httpx2.Client) -> None:
    statuses = [
        login(nobody, "nobody@example.com", WRONG).status_code for _ in range(12)
    ]

    assert statuses == [401] * 10 + [429] * 2


@pytest.mark.usefixtures("_forgotten")
def test_parallel_guesses_do_not_slip_through(server: Server, user: Person) -> None:
    def guess(_number: int) -> int:
        with httpx2.Client(base_url=server.base_url) as http:
            return login(http, user.email, WRONG).status_code

    with ThreadPoolExecutor(15) as pool:
        statuses = list(pool.map(guess, range(30)))

    assert statuses.count(401) <= 10
    assert set(statuses) <= {401, 429, 503}


@pytest.mark.usefixtures("_forgotten")
@pytest.mark.parametrize("guesses", [1, 9])
@EMBEDDED
def test_guessing_at_more_than_ten_accounts_from_one_address_is_stopped(
    server: Server, user: Person, guesses: int
) -> None:
    here = client_at(server, "127.0.0.1")
    for number in range(10):
        for _ in range(guesses):
            refused = login(here, f"victim{number}@example.com", WRONG)
            assert refused.status_code == 401

    stopped = login(here, user.email)

    assert stopped.status_code == 429
    assert int(stopped.headers["Retry-After"]) > 0
    elsewhere = client_at(server, "127.0.0.9")
    assert login(elsewhere, user.email).is_success
    let_time_pass(server, 15)
    assert login(here, user.email).is_success


def client_at(server: Server, address: str) -> httpx2.Client:
    """Return a client that calls from another loopback address."""
    client = httpx2.Client(
        base_url=server.base_url,
        transport=httpx2.HTTPTransport(local_address=address),
        timeout=30,
    )
    server.clients.append(client)
    return client


def test_thirty_logins_at_once_leave_room_for_reading(tmp_path: Path) -> None:
    with cheap_passwords(12), running(tmp_path) as made:
        person = made.register()
        reader = made.client({"Authorization": f"Bearer {person.token}"})
        slowest = 0.0

        def come(number: int) -> httpx2.Response:
            with httpx2.Client(base_url=made.base_url, timeout=30) as http:
                return login(http, person.email if number % 2 else f"{number}@x.com")

        with ThreadPoolExecutor(30) as pool:
            coming = [pool.submit(come, number) for number in range(30)]
            while not all(future.done() for future in coming):
                began = time.monotonic()
                assert reader.get("/auth/me").is_success
                slowest = max(slowest, time.monotonic() - began)
        answers = [future.result() for future in coming]

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 401, 429, 503}
    assert 503 in statuses
    assert {200, 401} & set(statuses)
    for answer in answers:
        if answer.status_code in {429, 503}:
            assert int(answer.headers["Retry-After"]) >= 1
    assert slowest < READS_WITHIN


# Passwords


@pytest.mark.parametrize(
    "password",
    [
        "",
        "1234567",
        "x" * 1025,
        "NUL\0inside",
        "\ud800 surrogate",
        "12345678",
        "PassWord123",
        "Senha@123",
    ],
)
@EMBEDDED
def test_a_password_that_cannot_be_kept_is_refused(
    nobody: httpx2.Client, admin: Person, password: str
) -> None:
    body = {"name": "Ana", "email": "refused@example.com", "password": password}
    answer = nobody.post(
        "/auth/register",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    if "\0" not in password and "\ud800" not in password:
        assert list(answer.json()["error"]["fields"]) == ["password"]


@pytest.mark.parametrize(
    ("password", "near"),
    [
        ("12 45 78", "12 45 79"),
        ("x" * 64, "x" * 63),
        ("x" * 1024, "x" * 1023),
        ("x" * 72 + "yes", "x" * 72 + "no!"),
        ("x" * 200, "x" * 201),
        ("senha çãé 密码 🔑", "senha cae 密码 🔑"),
        (" spaces around ", "spaces around"),
        ("CaseCounts", "casecounts"),
    ],
)
@EMBEDDED
def test_a_password_counts_in_all_its_length(
    server: Server, nobody: httpx2.Client, admin: Person, password: str, near: str
) -> None:
    email = f"long{time.monotonic_ns()}@example.com"
    assert register(nobody, email, password=password).status_code == 201

    assert login(nobody, email, near).status_code == 401
    assert login(nobody, email, password).is_success


def test_no_password_is_stored_or_shown(server: Server, user: Person) -> None:
    with bare_store(server) as store:
        row = store["users"].find_one({"_id": user.id})

    assert PASSWORD not in str(row)
    assert "bcrypt" in str(row)
    assert "bcrypt" not in user.http.get("/auth/me").text


# From a shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[APIFlask]:
    app = offline_app(tmp_path)
    register_commands(app)
    yield app
    app.extensions["services"].close()


def offline_app(folder: Path) -> APIFlask:
    with cheap_passwords():
        return create_app(
            Settings(
                _env_file=None,
                data_dir=folder / "data",
                documents_dir=folder / "documents",
                registration="open",
            )
        )


def test_a_user_is_created_from_a_shell(shell: APIFlask) -> None:
    run = shell.test_cli_runner().invoke

    made = run(
        args=["create-user", "--email", "boss@example.com", "--role", "admin"],
        input=f"{PASSWORD}\n{PASSWORD}\n",
    )
    again = run(
        args=["create-user", "--email", "BOSS@example.com", "--password", PASSWORD]
    )

    assert (made.exit_code, made.output.splitlines()[-1]) == (
        0,
        "admin boss@example.com created",
    )
    assert PASSWORD not in made.output
    assert again.exit_code != 0
    assert "exists" in again.output
    signed_in = shell.test_client().post(
        "/auth/login", json={"email": "boss@example.com", "password": PASSWORD}
    )
    assert signed_in.get_json()["user"]["role"] == "admin"


def test_after_a_user_from_a_shell_registration_makes_members(shell: APIFlask) -> None:
    shell.test_cli_runner().invoke(
        args=["create-user", "--email", "one@example.com", "--password", PASSWORD]
    )

    answer = shell.test_client().post(
        "/auth/register",
        json={"name": "Two", "email": "two@example.com", "password": PASSWORD},
    )

    assert answer.get_json()["user"]["role"] == "member"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create-user", "--email", "no e-mail", "--password", PASSWORD], "email"),
        (
            ["create-user", "--email", "a@example.com", "--password", "short"],
            "password",
        ),
        (
            ["create-user", "--email", "a@example.com", "--role", "owner"],
            "owner",
        ),
        (["reset-password", "--email", "a@example.com", "--password", "x"], "password"),
        (
            ["reset-password", "--email", "who@example.com", "--password", PASSWORD],
            "no account",
        ),
    ],
)
def test_a_shell_command_says_what_is_wrong(
    shell: APIFlask, arguments: list[str], words: str
) -> None:
    result = shell.test_cli_runner().invoke(args=arguments)

    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_password_reset_from_a_shell_ends_every_sign_in(shell: APIFlask) -> None:
    run, http = shell.test_cli_runner().invoke, shell.test_client()
    run(args=["create-user", "--email", "ana@example.com", "--password", PASSWORD])
    body = {"email": "ana@example.com", "password": PASSWORD}
    token = http.post("/auth/login", json=body).get_json()["token"]

    reset = run(
        args=["reset-password", "--email", "Ana@example.com", "--password", WRONG]
    )

    assert reset.exit_code == 0
    held = http.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert held.status_code == 401
    assert http.post("/auth/login", json=body).status_code == 401
    assert http.post("/auth/login", json=body | {"password": WRONG}).status_code == 200
