"""Who watches a server is told of what `flask worker` does with documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.listening import Frame, listening
from tests.support.processes import WorkerCommand
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server

RULES = 6000


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {"workers": 0}


@pytest.fixture
def worker(server: Server, tmp_path: Path) -> WorkerCommand:
    """Return a process that is to work for the server."""
    settings = server.settings
    secrets = {"secret_key": settings.secret_key, "mongodb_uri": settings.mongodb_uri}
    return WorkerCommand(
        tmp_path,
        data_dir=settings.data_dir,
        documents_dir=settings.documents_dir,
        **{name: kept.get_secret_value() for name, kept in secrets.items() if kept},
    )


def upload(owner: Person, bot: Bot, text: str) -> str:
    answer = owner.http.post(
        "/documents/add",
        data={"type": "rag", "assistant_id": bot.id},
        files={"file": ("rules.md", text.encode())},
    )
    return str(answer.raise_for_status().json()["_id"])


def test_every_step_of_a_worker_is_told_by_the_server(
    server: Server, owner: Person, bot: Bot, worker: WorkerCommand
) -> None:
    text = "".join(
        f"## Rule {n}\n\nA gift is wrapped.{' La.' * 150}\n\n" for n in range(RULES)
    )
    with listening(server, owner, assistant_id=bot.id) as listener:
        made = upload(owner, bot, text)
        told: list[Frame] = [listener.next("document")]
        with worker:
            told += listener.next_ready("rules.md")

    steps = [(frame.data["status"], frame.data["progress"]) for frame in told]
    assert {frame.data["_id"] for frame in told} == {made}
    assert (steps[0], steps[-1]) == (("queued", 0.0), ("ready", 1.0))
    assert any(name == "processing" and 0 < done < 1 for name, done in steps)
    assert [done for _, done in steps] == sorted(done for _, done in steps)


def test_a_worker_that_ends_tells_what_it_has_done(
    server: Server, owner: Person, bot: Bot, worker: WorkerCommand
) -> None:
    with listening(server, owner, assistant_id=bot.id) as listener:
        made = upload(owner, bot, "A gift is wrapped.")
        worker.start()
        try:
            owner.indexed(made)
        finally:
            assert worker.terminate() == 0
        told = listener.next_ready("rules.md")

    assert told[-1].data["_id"] == made
