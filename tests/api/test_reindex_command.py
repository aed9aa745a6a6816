"""`flask reindex`, beside a server that reads no documents itself."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.running import Bot, Person, Server
from tests.support.second import bare_store
from tests.support.shell import run


@pytest.fixture(scope="module")
def server_settings() -> dict[str, Any]:
    return {"workers": 0}


@pytest.fixture
def filled(server: Server, bot: Bot, tmp_path: Path) -> Bot:
    """Return an assistant with two documents that are read, and one that is not."""
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(f"The name of this page is {name}.")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7")
    run(server, "import-documents", bot.id, tmp_path)
    return bot


def documents(owner: Person, bot: Bot) -> dict[str, dict[str, Any]]:
    found = owner.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    return {one["filename"]: one for one in found}


def revisions(server: Server, bot: Bot) -> dict[str, str]:
    with bare_store(server) as store:
        found = list(store["documents"].find({"assistant_id": bot.id}))
    return {one["filename"]: one["revision"] for one in found}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def told(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_documents_are_read_again_and_searchable_when_it_ends(
    server: Server, owner: Person, filled: Bot
) -> None:
    before = revisions(server, filled)

    result = run(server, "reindex", filled.id)

    after = documents(owner, filled)
    assert changed(before, revisions(server, filled)) == set(before)
    assert {name: one["status"] for name, one in after.items()} == {
        "one.md": "ready",
        "two.md": "ready",
        "broken.pdf": "failed",
    }
    assert result.exit_code == 1
    assert "failed 1 8 bytes" in told(result)
    assert f"broken.pdf ({after['broken.pdf']['_id']})" in told(result)


def test_one_document_alone_is_read_again(
    server: Server, owner: Person, filled: Bot
) -> None:
    before = revisions(server, filled)
    chosen = documents(owner, filled)["two.md"]["_id"]

    result = run(server, "reindex", "--document", chosen)

    assert result.exit_code == 0, result.output
    assert changed(before, revisions(server, filled)) == {"two.md"}


def test_what_failed_alone_is_read_again(
    server: Server, owner: Person, filled: Bot
) -> None:
    before = revisions(server, filled)

    result = run(server, "reindex", filled.id, "--failed")

    assert result.exit_code == 1
    assert changed(before, revisions(server, filled)) == {"broken.pdf"}


def test_the_documents_of_all_assistants_are_read_again_but_no_prompts(
    server: Server, owner: Person, stranger: Person, filled: Bot
) -> None:
    other = stranger.create_assistant(instructions="Be brief.")
    stranger.http.post(
        "/documents/add",
        data={"type": "rag", "assistant_id": other.id},
        files={"file": ("other.md", b"Something else.")},
    ).raise_for_status()
    before, others = revisions(server, filled), revisions(server, other)

    result = run(server, "reindex", "--all")

    assert result.exit_code == 1
    assert changed(before, revisions(server, filled)) == set(before)
    assert changed(others, revisions(server, other)) == set()  # it waited already
    assert documents(stranger, other)["other.md"]["status"] == "ready"


def test_without_waiting_the_documents_are_left_to_others_and_found_as_they_were(
    server: Server, owner: Person, filled: Bot
) -> None:
    result = run(server, "reindex", filled.id, "--no-wait")

    assert result.exit_code == 0, result.output
    assert "Still to be read: 3." in result.output
    waiting = {one["status"] for one in documents(owner, filled).values()}
    assert waiting == {"queued"}
    found = owner.http.post(f"/assistants/{filled.id}/search", json={"query": "page"})
    assert {one["filename"] for one in found.json()} == {"one.md", "two.md"}


def test_a_prompt_is_refused(server: Server, owner: Person) -> None:
    bot = owner.create_assistant(instructions="Be brief.")
    [prompt] = documents(owner, bot).values()

    result = run(server, "reindex", "--document", prompt["_id"])

    assert result.exit_code == 1
    assert "prompt" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give one of"),
        (["an assistant", "--all"], 2, "give one of"),
        (["--all", "--document", "x"], 2, "give one of"),
        (["an assistant"], 1, "no assistant 'an assistant'"),
        (["--document", "x"], 1, "no such document"),
    ],
)
@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_what_is_not_understood_is_told(
    server: Server, arguments: list[str], code: int, words: str
) -> None:
    result = run(server, "reindex", *arguments)

    assert result.exit_code == code
    assert words in result.output


def test_an_assistant_without_documents_is_told(server: Server, bot: Bot) -> None:
    result = run(server, "reindex", bot.id)

    assert (result.exit_code, result.output) == (0, "There is nothing to read.\n")
