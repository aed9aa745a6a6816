"""kill -9 in the middle of indexing: nothing is lost, and nobody finds half of it."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.odd_server import running_hasty
from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.servers import SECRET, store_settings
from tests.support.store_backends import BACKENDS
from tests.support.waiting import until

FINISHED = 90.0
RULES = 2_000
WANTED = 10
KILLS = 2  # a third run that is cut short would have it parked


def handbook(bird: str) -> bytes:
    """Return a long document; each piece of it says whose it is."""
    rules = (
        f"## Rule {number}\n\nThe {bird} sings in room {number}. {'La. ' * 150}\n\n"
        for number in range(RULES)
    )
    return "".join(rules).encode()


class Owner:
    """Somebody with an assistant, who asks one process or another."""

    def __init__(self, server: ServerProcess) -> None:
        with server.client() as http:
            person = {"email": "a@example.com", "password": PASSWORD}
            http.post("/auth/register", json={"name": "A"} | person).raise_for_status()
            token = http.post("/auth/login", json=person).json()["token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        made = self.ask(server, "POST", "/assistants/add", json={"name": "Bot"})
        self.assistant = made["_id"]

    def ask(self, server: ServerProcess, method: str, path: str, **sent: Any) -> Any:
        with server.client(**self._headers) as http:
            answer = http.request(method, path, **sent)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, server: ServerProcess, data: bytes) -> str:
        sent = {"type": "rag", "assistant_id": self.assistant, "replace": "true"}
        made = self.ask(
            server,
            "POST",
            "/documents/add",
            data=sent,
            files={"file": ("handbook.md", data)},
        )
        return str(made["_id"])

    def shown(self, server: ServerProcess, document: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(server, "GET", f"/documents/get/{document}")
        return found

    def found(self, server: ServerProcess) -> list[str]:
        """Return the birds of the passages about the rules."""
        path = f"/assistants/{self.assistant}/search"
        query = {"query": "Who sings in which room?", "limit": WANTED}
        answer = self.ask(server, "POST", path, json=query)
        passages = answer["passages"] if isinstance(answer, dict) else answer
        return [passage["text"].split("The ")[1].split()[0] for passage in passages]


class Searcher:
    """Asks a process all the while, and keeps each different thing that it found."""

    def __init__(self, owner: Owner, server: ServerProcess) -> None:
        self._owner, self._server = owner, server
        self._stopped = threading.Event()
        self.seen: list[tuple[str, ...]] = []
        self.errors: list[BaseException] = []

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                found = tuple(self._owner.found(self._server))
            except (AssertionError, httpx2.HTTPError) as exc:
                self.errors.append(exc)
                return
            if not self.seen or self.seen[-1] != found:
                self.seen.append(found)

    @contextmanager
    def searching(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_indexing_is_finished_and_is_never_found_by_half(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    settings = {
        "secret_key": SECRET,
        "documents_dir": tmp_path / "documents",
        "log_level": "WARNING",
        **store_settings(request, backend),
    }
    # The embedded store's processes share its folder.
    asked_folder = tmp_path / ("indexes" if backend == "embedded" else "asked")
    for folder in {tmp_path / "indexes", asked_folder}:
        folder.mkdir()
    with (
        running_hasty(tmp_path / "indexes", workers=2, **settings) as server,
        running_hasty(asked_folder, workers=0, **settings) as asked,
    ):
        owner = Owner(server)
        searcher = Searcher(owner, asked)
        with searcher.searching():
            document = owner.upload(server, handbook("canary"))
            _kill_while_indexing(server, owner, document)
            first = owner.shown(server, document)
            until(lambda: owner.found(asked) == ["canary"] * WANTED, seconds=FINISHED)

            assert owner.upload(server, handbook("parrot")) == document
            _kill_while_indexing(server, owner, document)
            second = owner.shown(server, document)
            until(lambda: owner.found(asked) == ["parrot"] * WANTED, seconds=FINISHED)

        assert searcher.errors == []
        assert first["chunks"] == second["chunks"] >= RULES
        assert searcher.seen == [
            (),
            ("canary",) * WANTED,
            ("parrot",) * WANTED,
        ]
        owner.ask(server, "DELETE", f"/documents/delete/{document}")
        assert owner.found(asked) == []
        assert list((tmp_path / "documents").rglob("*.md")) == []


def _kill_while_indexing(server: ServerProcess, owner: Owner, document: str) -> None:
    """Kill it some times before the document is ready, and let the last one go on."""
    for _ in range(KILLS):
        until(
            lambda: owner.shown(server, document)["status"] == "processing",
            seconds=FINISHED,
        )
        time.sleep(random.uniform(0.0, 1.0))
        server.kill()
        server.start()
    until(lambda: owner.shown(server, document)["status"] == "ready", seconds=FINISHED)
