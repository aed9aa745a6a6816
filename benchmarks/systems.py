"""What is measured: the server on a store, and what stands beside it."""

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from app.repositories.database import (
    AnyDatabase,
    connect_embedded,
    connect_mongodb,
)
from benchmarks.conversations import SERVICE, Conversation, contact
from benchmarks.load import Client, post
from benchmarks.processes import Running, started
from benchmarks.upstream import Script
from tests.servers import mongo_wire

HERE = Path(__file__).parent
PATH = "/chats/enviarMensagemLLM"
EVENT_STREAM = "Accept: text/event-stream"
HISTORY = 6
PROMPT = "You answer for a shop, briefly and politely. It opens at nine."
QUESTION = "What are your opening hours on Saturday, and do you deliver?"
PASSWORD = "correct horse battery"
DEFAULT_THREADS = 320
RUN = secrets.token_hex(8)
NUMBERS = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Something that answers a bot's messages, and the process that does it."""

    name: str
    server: Running
    key: str = ""
    store: Running | None = None
    first: Conversation | None = None

    def request(self, number: int, script: Script, *, stream: bool = False) -> bytes:
        """Return a contact's new message as a bot posts it."""
        body = {
            "id": contact(number),
            "message_service": SERVICE,
            "username": "Clara",
            "message_id": f"{RUN}{next(NUMBERS):012}",
            "message": f"{QUESTION} {script}",
        }
        headers = [f"X-API-Key: {self.key}", *([EVENT_STREAM] if stream else [])]
        return post(PATH, json.dumps(body).encode(), *headers)

    def fill(self, contacts: range, *, times: int = 1) -> int:
        """Give contacts the first one's conversation; returns the messages written."""
        return self.first.copy_to(contacts, times=times) if self.first else 0


def ask_directly(script: Script, *, stream: bool = False) -> bytes:
    """Return what the upstream is asked when nothing stands before it."""
    said = {"role": "user", "content": f"{QUESTION} {script}"}
    messages = [{"role": "system", "content": PROMPT}, *([said] * (HISTORY + 1))]
    body = {"model": "scripted", "messages": messages, "stream": stream}
    return post("/v1/chat/completions", json.dumps(body).encode())


@contextmanager
def upstream_in(folder: Path) -> Iterator[Running]:
    with started([str(HERE / "upstream.py")], folder / "upstream.log") as running:
        yield running


@contextmanager
def passthrough_in(folder: Path, upstream: Running) -> Iterator[System]:
    program = [str(HERE / "passthrough.py"), str(upstream.port), str(DEFAULT_THREADS)]
    with started(program, folder / "passthrough.log") as running:
        yield System(name="passthrough", server=running)


@contextmanager
def embedded_in(folder: Path, upstream: Running) -> Iterator[System]:
    settings = _settings(folder, upstream)
    with started(["main.py"], folder / "server.log", settings) as running:
        key = _set_up(running.port)
        client, db = connect_embedded(folder / "data")
        try:
            system = System(name="embedded", server=running, key=key)
            yield _with_first_chat(system, db)
        finally:
            client.close()


@contextmanager
def wire_in(folder: Path, upstream: Running) -> Iterator[System]:
    """Raises CannotStart without Java or Maven."""
    server = mongo_wire.start()
    try:
        settings = _settings(folder, upstream) | {
            "MONGODB_URI": server.uri,
            "SECRET_KEY": secrets.token_hex(32),
        }
        with started(["main.py"], folder / "server.log", settings) as running:
            key = _set_up(running.port)
            client, db = connect_mongodb(server.uri)
            try:
                store = Running(server.process.pid, server.port)
                system = System(name="wire", server=running, key=key, store=store)
                yield _with_first_chat(system, db)
            finally:
                client.close()
    finally:
        server.stop()


def _settings(folder: Path, upstream: Running) -> dict[str, str]:
    return {
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "DOCUMENTS_DIR": str(folder / "documents"),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1",
    }


def _set_up(port: int) -> str:
    """Register, make an assistant and return its key."""
    login = {"email": "owner@example.com", "password": PASSWORD}
    _call(port, "/auth/register", login | {"name": "Owner"})
    token = _call(port, "/auth/login", login)["token"]
    assistant = _call(
        port,
        "/assistants/add",
        {
            "name": "Shop",
            "instructions": PROMPT,
            "history": {"messages": HISTORY},
        },
        Authorization=f"Bearer {token}",
    )
    return str(assistant["api_key"])


def _with_first_chat(system: System, db: AnyDatabase) -> System:
    with Client(system.server.port) as client:
        for _ in range(HISTORY // 2):
            client.ask(system.request(0, Script()))
    return replace(system, first=Conversation(db, contact(0)))


def _call(port: int, path: str, body: dict[str, Any], **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            "POST",
            path,
            json.dumps(body),
            {"Content-Type": "application/json", **headers},
        )
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"{path}: {answer.status} {text!r}")
    return json.loads(text)
