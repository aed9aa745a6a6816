"""A running server for tests that go through real HTTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from app.config import Settings
from app.factory import create_app
from app.server.http_server import HttpServer
from app.wiring import Services
from tests.support.http_client import client_of

PASSWORD = "correct horse battery"
THREADS = 24
LARGEST_BODY = 2**30  # the app's own limits are met before


@dataclass(frozen=True, kw_only=True)
class Bot:
    """An assistant's key in a messaging bot's hands."""

    id: str
    key: str
    http: httpx2.Client

    def post(
        self,
        message: str = "Hello",
        contact: str = "5511",
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx2.Response:
        body = {"id": contact, "message_service": "whatsapp", "message": message}
        return self.http.post(
            "/chats/enviarMensagemLLM", json=body | fields, headers=headers
        )


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who has signed in."""

    id: str
    email: str
    token: str
    refresh_token: str
    http: httpx2.Client
    server: "Server"

    def create_assistant(self, **fields: Any) -> Bot:
        answer = self.http.post("/assistants/add", json={"name": "Loja"} | fields)
        assert answer.status_code == 201, answer.text
        return self.server.bot(answer.json()["_id"], answer.json()["api_key"])

    def upload(
        self, bot: Bot, name: str, data: str | bytes, kind: str = "rag", **form: str
    ) -> httpx2.Response:
        """Upload a document, and wait until it is indexed or has failed."""
        answer = self.http.post(
            "/documents/add",
            data={"type": kind, "assistant_id": bot.id} | form,
            files={"file": (name, data.encode() if isinstance(data, str) else data)},
        )
        if answer.status_code == 201:
            self.indexed(answer.json()["_id"])
        return answer

    def indexed(self, document_id: str) -> dict[str, Any]:
        """Return a document's record when nothing is under way with it any more."""
        path = f"/documents/get/{document_id}"
        answer = self.http.get(path, params={"wait": 25}).raise_for_status()
        found: dict[str, Any] = answer.json()
        assert found["status"] in {"ready", "failed"}, found
        return found


@dataclass(kw_only=True)
class Server:
    """A server in this process, on its own folder or database."""

    base_url: str
    services: Services
    settings: Settings
    people: int = 0
    clients: list[httpx2.Client] = field(default_factory=list)

    def bot(self, assistant_id: str, key: str) -> Bot:
        return Bot(id=assistant_id, key=key, http=self.client({"X-API-Key": key}))

    def anonymous(self) -> httpx2.Client:
        return self.client({})

    def register(self, email: str | None = None) -> Person:
        """Register somebody (the first is the admin) and sign them in."""
        self.people += 1
        email = email or f"person{self.people}-{time.monotonic_ns()}@example.com"
        http = self.anonymous()
        http.post(
            "/auth/register",
            json={"name": "Somebody", "email": email, "password": PASSWORD},
        ).raise_for_status()
        return self.sign_in(email)

    def sign_in(self, email: str, password: str = PASSWORD) -> Person:
        answer = self.anonymous().post(
            "/auth/login", json={"email": email, "password": password}
        )
        answer.raise_for_status()
        body = answer.json()
        return Person(
            id=body["user"]["id"],
            email=email,
            token=body["token"],
            refresh_token=body["refresh_token"],
            server=self,
            http=self.client({"Authorization": f"Bearer {body['token']}"}),
        )

    def client(self, headers: dict[str, str]) -> httpx2.Client:
        client = client_of(self.base_url, headers=headers)
        self.clients.append(client)
        return client


@contextmanager
def running(
    folder: Path, *, threads: int = THREADS, **settings: Any
) -> Iterator[Server]:
    """Serve an app with these settings; its data lies in ``folder``."""
    made = Settings(
        _env_file=None,
        **{
            "data_dir": folder / "data",
            "documents_dir": folder / "documents",
            "llm_provider": "offline",
            "threads": threads,
            **settings,
        },
    )
    app = create_app(made)
    services: Services = app.extensions["services"]
    services.upkeep.start()
    services.workers.start(made.workers)
    http = HttpServer(
        app,
        host="127.0.0.1",
        port=0,
        threads=threads,
        largest_body=LARGEST_BODY,
        stopping=services.stopping,
    )
    stopped = threading.Event()

    def loop() -> None:
        while not stopped.is_set():
            http.run_once()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    server = Server(
        base_url=f"http://127.0.0.1:{http.port}",
        services=services,
        settings=made,
    )
    try:
        yield server
    finally:
        services.stopping.set()
        for client in server.clients:
            client.close()
        stopped.set()
        http.wake()
        thread.join()
        http.close()
        services.close()
