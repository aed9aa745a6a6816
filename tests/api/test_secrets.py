"""Secrets stay where they belong, whatever breaks.

Canaries go in through every door; logs, answers and the files of the store are
searched for them, whole and by their last 8 characters.
"""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.repositories.chats import ChatRepository
from app.repositories.messages import MessageRepository
from app.repositories.users import UserRepository
from app.server.logs import set_up_logging
from app.services.assistants import AssistantService
from app.services.chats import ChatService
from app.services.knowledge.documents import DocumentService
from tests.support.behaviour import Behaviour
from tests.support.quick import cheap_passwords
from tests.support.running import Server, running
from tests.support.upstream import Upstream

SECRET_KEY = "canary-secret-key-5f1c9a7e-XQZJKWVB"
PREVIOUS = "canary-previous-key-5f1c9a7e-PLMOKNIJ"
PROVIDER_KEY = "sk-canary-provider-77a1-YHBGTRFV"
SETUP_TOKEN = "canary-setup-token-3d-EDCWSXQA"
PASSWORD = "canary-password-88b2-UJMNHYTG"
OTHER_PASSWORD = "canary-password-99c3-ZAQXSWCD"
WRONG_PASSWORD = "canary-password-00d4-VFRBGTNH"
CONTACT_SAID = "canary-message-12e5-KIUJLOPM"
MODEL_SAID = "canary-answer-34f6-NBVCXZAS"
KNOWN = "canary-document-56a7-QWERTYUI"
PROMPT = "canary-prompt-78b8-ASDFGHJK"
WORDS = (CONTACT_SAID, MODEL_SAID, KNOWN, PROMPT)
CONFIGURED = (SECRET_KEY, PREVIOUS, PROVIDER_KEY, SETUP_TOKEN)
PASSWORDS = (PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD)
BROKEN = "canary-exception-9a-MNBVCXLK"

Break = tuple[type, str, Callable[["Run"], httpx2.Response]]


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """Log as the server does, into memory."""
    root = logging.getLogger()
    handlers, level, stream = root.handlers, root.level, sys.stderr
    sys.stderr = io.StringIO()
    try:
        set_up_logging("DEBUG")
        yield sys.stderr
    finally:
        sys.stderr = stream
        root.handlers, root.level = handlers, level
        root.setLevel(level)


class Run:
    """One life of a server with canaries, and everything that it answered."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.answers: list[httpx2.Response] = []
        self.http = server.anonymous()
        self.tokens: list[str] = []
        self.keys: list[str] = []
        self.assistant = self.chat = self.document = ""

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        answer = self.http.request(method, path, headers=headers, **more)
        self.answers.append(answer)
        return answer

    @property
    def user(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[-2]}"}

    @property
    def bot(self) -> dict[str, str]:
        return {"X-API-Key": self.keys[-1]}

    def sign_in(self, password: str) -> httpx2.Response:
        body = {"email": "ana@example.com", "password": password}
        answer = self.ask("POST", "/auth/login", json=body)
        if answer.is_success:
            self.tokens += [answer.json()["token"], answer.json()["refresh_token"]]
        return answer

    def post(self, **headers: str) -> httpx2.Response:
        message = {"id": "1", "message_service": "x", "message": CONTACT_SAID}
        return self.ask(
            "POST", "/chats/enviarMensagemLLM", self.bot | headers, json=message
        )

    def live(self) -> None:
        """Use every part once, rightly and wrongly."""
        person = {"name": "Ana", "email": "ana@example.com", "password": PASSWORD}
        self.ask(
            "POST", "/auth/register", json=person | {"setup_token": SETUP_TOKEN[:-1]}
        )
        self.ask("POST", "/auth/register", json=person | {"setup_token": SETUP_TOKEN})
        self.ask("POST", "/auth/register", json=person | {"password": ["x", PASSWORD]})
        self.sign_in(WRONG_PASSWORD)
        self.sign_in(PASSWORD)
        change = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        self.ask("POST", "/auth/password", self.user, json=change)
        self.sign_in(OTHER_PASSWORD)
        made = self.ask(
            "POST",
            "/assistants/add",
            self.user,
            json={"name": "Loja", "instructions": PROMPT},
        ).json()
        self.assistant = made["_id"]
        self.keys.append(made["api_key"])
        form = {"type": "rag", "assistant_id": self.assistant}
        self.document = self.ask(
            "POST",
            "/documents/add",
            self.user,
            data=form,
            files={"file": ("hours.md", f"# Hours\n\n{KNOWN}".encode())},
        ).json()["_id"]
        self.chat = self.post().json()["chat_id"]
        self.post(Accept="text/event-stream")
        for key in ("sk_" + "x" * 43, self.keys[-1][:-1]):
            self.ask("POST", "/chats/enviarMensagemLLM", {"X-API-Key": key})
        self.ask("GET", f"/chats/list?token={self.tokens[-2]}")
        self.ask("GET", f"/chats/list?q={PASSWORD}", self.user)
        self.ask("GET", f"/{PASSWORD}")
        rotated = self.ask(
            "POST", f"/assistants/{self.assistant}/rotate-key", self.user
        )
        self.keys.append(rotated.json()["api_key"])
        for path in (
            "/healthz",
            "/readyz",
            "/usage",
            "/assistants/list",
            "/chats/list",
        ):
            self.ask("GET", path, self.user)
        for path in ("/documents/list", f"/chats/{self.chat}/messages", "/auth/me"):
            self.ask("GET", path, self.user)


BREAKS: dict[str, Break] = {
    "a repository, at sign-in": (
        UserRepository,
        "find_by_email",
        lambda run: run.sign_in(WRONG_PASSWORD),
    ),
    "a repository, as a message comes": (
        ChatRepository,
        "enqueue",
        lambda run: run.post(),
    ),
    "a repository, as a message to be streamed comes": (
        ChatRepository,
        "enqueue",
        lambda run: run.post(Accept="text/event-stream"),
    ),
    "a repository, in a turn": (MessageRepository, "latest", lambda run: run.post()),
    "a service, in a list": (
        ChatService,
        "list_page",
        lambda run: run.ask("GET", "/chats/list", run.user),
    ),
    "a service, when something is made": (
        AssistantService,
        "create",
        lambda run: run.ask(
            "POST",
            "/assistants/add",
            run.user,
            json={"name": "x", "instructions": PROMPT},
        ),
    ),
    "a service, with a file": (
        DocumentService,
        "upload",
        lambda run: run.ask(
            "POST",
            "/documents/add",
            run.user,
            data={"type": "rag", "assistant_id": run.assistant},
            files={"file": ("x.md", KNOWN.encode())},
        ),
    ),
}


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    with captured_log() as stream:
        yield stream


@pytest.fixture(scope="module")
def run(
    log: io.StringIO, model: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("canaries")
    model.always(Behaviour(text=MODEL_SAID))
    settings: dict[str, Any] = {
        "secret_key": SECRET_KEY,
        "secret_key_previous": PREVIOUS,
        "setup_token": SETUP_TOKEN,
        "openai_api_key": PROVIDER_KEY,
        "openai_base_url": model.base_url,
        "llm_provider": "openai",
        "turn_timeout_seconds": 10,
    }
    with cheap_passwords(), running(folder, **settings) as server:
        made = Run(server, folder)
        made.live()
        yield made


def ends(secrets: tuple[str, ...] | list[str]) -> set[str]:
    """Return what may not be found: each secret, and its last 8 characters."""
    return {part for secret in secrets for part in (secret, secret[-8:])}


def found_in(text: str, secrets: tuple[str, ...] | list[str]) -> set[str]:
    return {part for part in ends(secrets) if part in text}


@pytest.mark.parametrize("place", BREAKS)
def test_what_breaks_inside_is_told_as_a_generic_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    owner, method, call = BREAKS[place]

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(f"{BROKEN} at {Path(__file__)}")

    monkeypatch.setattr(owner, method, broken)
    answer = call(run)

    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error == {
        "code": "internal_error",
        "message": "Something went wrong on our side.",
        "request_id": answer.headers["X-Request-ID"],
    }
    for inside in (BROKEN, "RuntimeError", "Traceback", ".py", "app/", "Python"):
        assert inside not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_breaks_in_a_stream_is_told_in_the_stream(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(BROKEN)

    with monkeypatch.context() as patch:
        patch.setattr(MessageRepository, "latest", broken)
        answer = run.post(Accept="text/event-stream")

    assert answer.text.startswith("event: error\n")
    assert '"internal_error"' in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert BROKEN not in answer.text
    assert run.post().json()["status"] == "answered"


def test_a_provider_that_repeats_our_key_does_not_reach_the_caller(
    run: Run, model: Upstream
) -> None:
    refusal = json.dumps({"error": {"message": f"Incorrect API key: {PROVIDER_KEY}"}})
    for status in (400, 401, 403, 404, 429, 500):
        model.script([Behaviour(status=status, body=refusal.encode())] * 4)
        answer = run.post()
        assert answer.status_code in {200, 502, 503}
        assert not found_in(answer.text, CONFIGURED)


def test_a_request_that_broke_is_logged_with_its_id(
    run: Run, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, method, call = BREAKS["a service, in a list"]
    monkeypatch.setattr(owner, method, lambda *_a, **_k: 1 / 0)

    request_id = call(run).headers["X-Request-ID"]

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [line for line in lines if line.get("request_id") == request_id]
    assert any("ZeroDivisionError" in line.get("exception", "") for line in told)
    assert {"request broke", "request"} <= {line["message"] for line in told}


def test_every_line_of_the_log_is_json(run: Run, log: io.StringIO) -> None:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert len(lines) > 20
    for line in lines:
        assert {"message", "level", "logger", "timestamp"} <= set(line)
        assert line["timestamp"].endswith("Z")


def test_a_name_with_line_feeds_makes_no_line_of_its_own(
    run: Run, log: io.StringIO
) -> None:
    run.ask("GET", '/nothing%0a{"level":"critical","message":"forged"}')
    run.ask("GET", "/auth/me", {"X-Request-ID": 'x","level":"critical'})

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert not any(line["level"] == "critical" for line in lines)


def test_the_log_holds_no_secret_and_no_message(run: Run, log: io.StringIO) -> None:
    written = log.getvalue()

    assert "request" in written
    assert found_in(written, CONFIGURED) == set()
    assert found_in(written, PASSWORDS) == set()
    assert found_in(written, run.keys) == set()
    assert found_in(written, run.tokens) == set()
    assert found_in(written, WORDS) == set()
    assert "ana@example.com" not in written


def test_answers_hold_secrets_in_their_one_field_only(run: Run) -> None:
    for answer in run.answers:
        text = answer.text + str(answer.headers)
        asked = answer.request.url.path
        assert found_in(text, CONFIGURED) == set(), asked
        assert found_in(text, PASSWORDS) == set(), asked
        assert "bcrypt" not in text
        if not asked.startswith("/assistants"):
            assert found_in(text, run.keys) == set(), asked
        if asked not in {"/auth/login", "/auth/password", "/auth/refresh"}:
            assert found_in(text, run.tokens) == set(), asked
        if asked not in {"/assistants/list", "/assistants/add"} and (
            "rotate-key" not in asked
        ):
            assert PROMPT not in text, asked
        assert str(run.folder) not in text, asked


def test_a_bot_learns_nothing_about_its_assistant(run: Run) -> None:
    posted = [a for a in run.answers if a.request.url.path.endswith("LLM")]

    assert posted
    for answer in posted:
        for inside in (PROMPT, "instructions", "filepath", "owner_id", "api_key"):
            assert inside not in answer.text


def test_a_stolen_store_opens_nothing(run: Run) -> None:
    files = [path for path in (run.folder / "data").rglob("*") if path.is_file()]

    assert any(path.name.startswith("store") for path in files)
    for path in files:
        data = path.read_bytes()
        secrets = [*CONFIGURED, *PASSWORDS, *run.keys, *run.tokens]
        for part in ends(secrets):
            assert part.encode() not in data, (path.name, part)


def test_the_made_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    with cheap_passwords(), running(tmp_path):
        secret = tmp_path / "data" / "secret_key"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert len(secret.read_text()) >= 32


def test_readiness_names_no_address_and_no_version(run: Run) -> None:
    for path in ("/healthz", "/readyz"):
        text = run.http.get(path).text
        assert "http" not in text
        assert "sqlite" not in text
        assert str(run.folder) not in text
