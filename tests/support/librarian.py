"""Somebody who keeps documents, and asks one process or another about them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.waiting import until

FINISHED = 40.0


class Librarian:
    """A user with an assistant; ``add_assistant`` makes further ones."""

    def __init__(self, server: ServerProcess, email: str = "a@example.com") -> None:
        person = {"email": email, "password": PASSWORD}
        with server.client() as http:
            http.post("/auth/register", json={"name": "A"} | person).raise_for_status()
            token = http.post("/auth/login", json=person).json()["token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        self.key = ""
        self.assistant = self.add_assistant(server)

    def add_assistant(self, server: ServerProcess) -> str:
        made = self.ask(server, "POST", "/assistants/add", json={"name": "Bot"})
        self.key = made["api_key"]
        return str(made["_id"])

    def send(
        self, server: ServerProcess, method: str, path: str, **sent: Any
    ) -> httpx2.Response:
        with server.client(**self._headers) as http:
            return http.request(method, path, **sent)

    def ask(self, server: ServerProcess, method: str, path: str, **sent: Any) -> Any:
        answer = self.send(server, method, path, **sent)
        assert answer.is_success, answer.text
        return answer.json()

    def try_to_upload(
        self,
        server: ServerProcess,
        data: str,
        name: str = "notes.md",
        assistant: str | None = None,
    ) -> httpx2.Response:
        """Upload a document in the place of the one that has that name."""
        sent = {
            "type": "rag",
            "assistant_id": assistant or self.assistant,
            "replace": "true",
        }
        files = {"file": (name, data.encode())}
        return self.send(server, "POST", "/documents/add", data=sent, files=files)

    def upload(self, server: ServerProcess, data: str, **other: Any) -> str:
        answer = self.try_to_upload(server, data, **other)
        assert answer.is_success, answer.text
        return str(answer.json()["_id"])

    def shown(self, server: ServerProcess, document: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(server, "GET", f"/documents/get/{document}")
        return found

    def delete(self, server: ServerProcess, document: str) -> None:
        self.ask(server, "DELETE", f"/documents/delete/{document}")

    def until_is(self, server: ServerProcess, document: str, status: str) -> None:
        until(
            lambda: self.shown(server, document)["status"] == status, seconds=FINISHED
        )

    def upload_and_index(self, server: ServerProcess, data: str, **other: Any) -> str:
        document = self.upload(server, data, **other)
        self.until_is(server, document, "ready")
        return document

    def found(self, server: ServerProcess, query: str, limit: int = 10) -> list[str]:
        """Return the texts of the passages for a question."""
        path = f"/assistants/{self.assistant}/search"
        asked = {"query": query, "limit": limit}
        return [one["text"] for one in self.ask(server, "POST", path, json=asked)]

    def answer(self, server: ServerProcess, message: str) -> dict[str, Any]:
        """Return what the bot answers to a contact."""
        body = {"id": "5511", "message_service": "test", "message": message}
        with server.client(**{"X-API-Key": self.key}) as http:
            answer = http.post("/chats/enviarMensagemLLM", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


class Asking:
    """Asks a process the same all the while, and keeps each different answer."""

    def __init__(
        self, librarian: Librarian, server: ServerProcess, query: str, limit: int = 10
    ) -> None:
        self._librarian, self._server = librarian, server
        self._query, self._limit = query, limit
        self._stopped = threading.Event()
        self.seen: list[tuple[str, ...]] = []
        self.errors: list[BaseException] = []

    @contextmanager
    def all_the_while(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()
        assert self.errors == []

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                found = self._librarian.found(self._server, self._query, self._limit)
            except (AssertionError, httpx2.HTTPError) as exc:
                self.errors.append(exc)
                return
            if not self.seen or self.seen[-1] != tuple(found):
                self.seen.append(tuple(found))


def handbook(bird: str, rules: int = 4_000) -> str:
    """Return a long document; each piece of it says whose it is."""
    return "".join(
        f"## Rule {number}\n\nThe {bird} sings in room {number}. {'La. ' * 150}\n\n"
        for number in range(rules)
    )
