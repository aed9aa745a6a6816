"""Uploads that wait for their turn: all come to it, soon, whoever sent how many."""

import time
from pathlib import Path

from tests.support.librarian import FINISHED, Librarian
from tests.support.odd_server import running_hasty
from tests.support.processes import ServerProcess, WorkerCommand
from tests.support.waiting import until

MANY = 40


def statuses(librarian: Librarian, server: ServerProcess, assistant: str) -> list[str]:
    """Return the status of each of an assistant's documents, the oldest first."""
    query = {"assistant_id": assistant, "limit": 200}
    found = librarian.ask(server, "GET", "/documents/list", params=query)
    return [one["status"] for one in reversed(found)]


def test_one_with_many_documents_does_not_keep_another_waiting(tmp_path: Path) -> None:
    with running_hasty(tmp_path, workers=0, log_level="WARNING") as server:
        librarian = Librarian(server)
        many = librarian.assistant
        for n in range(MANY):
            librarian.upload(server, f"Rule {n}.", name=f"{n}.md")
        librarian.assistant = librarian.add_assistant(server)
        single = librarian.upload(server, "The canary sings.")
        server.kill()

        server.settings["WORKERS"] = "1"
        server.start()
        librarian.until_is(server, single, "ready")
        assert statuses(librarian, server, many).count("ready") <= MANY / 2

        time.sleep(0.5)
        server.kill()
        server.start()
        until(
            lambda: set(statuses(librarian, server, many)) == {"ready"},
            seconds=2 * FINISHED,
        )
        librarian.assistant = many
        assert librarian.found(server, f"rule {MANY - 1}", 1) == [f"Rule {MANY - 1}."]


def test_they_wait_where_nobody_works_and_say_so(tmp_path: Path) -> None:
    with running_hasty(tmp_path, workers=0) as server:
        librarian = Librarian(server)
        document = librarian.upload(server, "The canary sings.")
        answer = librarian.ask(
            server, "GET", f"/documents/get/{document}", params={"wait": 2}
        )
        assert (answer["status"], answer["progress"]) == ("queued", 0.0)
        assert librarian.found(server, "canary") == []

        worker = WorkerCommand(tmp_path).start()
        try:
            librarian.until_is(server, document, "ready")
            assert librarian.found(server, "canary") == ["The canary sings."]
        finally:
            worker.kill()
