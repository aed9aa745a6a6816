"""`flask import-documents`, beside a server that reads no documents itself."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app.errors import StoreUnavailable
from app.models.document import Document
from app.services.knowledge.documents import DocumentService
from tests.support.running import Bot, Person, Server
from tests.support.shell import run

HOURS = "# Hours\n\nThe shop opens at nine and closes at six.\n"
BRANCH = "# Santos\n\nThe branch in Santos opens at ten.\n"


@pytest.fixture(scope="module")
def server_settings() -> dict[str, Any]:
    return {"workers": 0, "max_upload_mb": 1, "assistant_quota_mb": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, {"hours.md": HOURS, "santos/hours.md": BRANCH})
    return tmp_path


def put(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def imported(server: Server, bot: Bot, folder: Path, *options: str) -> Result:
    return run(server, "import-documents", bot.id, folder, *options)


def documents(owner: Person, bot: Bot) -> dict[str, dict[str, Any]]:
    found = owner.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    return {one["filename"]: one for one in found}


def statuses(owner: Person, bot: Bot) -> dict[str, str]:
    return {name: one["status"] for name, one in documents(owner, bot).items()}


def counts(result: Result) -> dict[str, int]:
    """Return the lines of the table at the end."""
    table = result.output.split("\n\n")[1]
    lines = re.findall(r"^([a-z ]+?) +(\d+)", table, flags=re.MULTILINE)
    return {outcome: int(count) for outcome, count in lines}


def test_files_of_all_folders_are_searchable_when_it_ends(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    result = imported(server, bot, folder)

    assert result.exit_code == 0, result.output
    assert statuses(owner, bot) == {"hours.md": "ready", "santos/hours.md": "ready"}
    assert counts(result) == {"added": 2}
    found = owner.http.post(f"/assistants/{bot.id}/search", json={"query": "Santos"})
    assert found.json()[0]["filename"] == "santos/hours.md"


def test_the_assistant_may_be_named(
    server: Server, owner: Person, folder: Path
) -> None:
    bot = owner.create_assistant(name="Named for the import")

    result = run(server, "import-documents", "Named for the import", folder)

    assert result.exit_code == 0, result.output
    assert len(documents(owner, bot)) == 2


def test_a_name_that_several_have_is_refused_with_their_ids(
    server: Server, owner: Person, stranger: Person, folder: Path
) -> None:
    bots = [one.create_assistant(name="Twice") for one in (owner, stranger)]

    result = run(server, "import-documents", "Twice", folder)

    assert result.exit_code == 1
    assert all(bot.id in result.output for bot in bots)
    assert documents(owner, bots[0]) == {}


def test_an_unknown_assistant_and_an_unknown_folder_are_told(
    server: Server, bot: Bot, folder: Path
) -> None:
    nobody = run(server, "import-documents", "nobody", folder)
    nowhere = imported(server, bot, folder / "nowhere")
    a_file = imported(server, bot, folder / "hours.md")

    assert (nobody.exit_code, "no assistant 'nobody'" in nobody.output) == (1, True)
    assert (nowhere.exit_code, "does not exist" in nowhere.output) == (2, True)
    assert (a_file.exit_code, "is a file" in a_file.output) == (2, True)


def test_what_is_there_already_is_left_alone(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    imported(server, bot, folder)
    before = documents(owner, bot)
    put(folder, {"more.txt": "Parking is free."})

    result = imported(server, bot, folder, "--replace")

    assert result.exit_code == 0
    assert counts(result) == {"added": 1, "unchanged": 2}
    after = documents(owner, bot)
    assert {name: after[name] for name in before} == before


def test_a_file_that_has_changed_is_taken_only_with_replace(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    imported(server, bot, folder)
    before = documents(owner, bot)
    put(folder, {"hours.md": HOURS + "On Sundays it is closed.\n"})

    kept = imported(server, bot, folder)
    assert documents(owner, bot) == before
    replaced = imported(server, bot, folder, "--replace")

    assert (kept.exit_code, replaced.exit_code) == (0, 0)
    assert counts(kept) == {"unchanged": 1, "skipped": 1}
    assert "--replace" in kept.output
    assert counts(replaced) == {"replaced": 1, "unchanged": 1}
    after = documents(owner, bot)["hours.md"]
    assert after["_id"] == before["hours.md"]["_id"]
    assert (after["status"], after["size"]) == ("ready", len(HOURS) + 25)


def test_bad_files_are_told_with_their_reasons_and_do_not_stop_the_rest(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    put(
        folder,
        {
            "a-broken.pdf": b"%PDF-1.7 and nothing else",
            "b-lie.pdf": "This is text.",
            "c-empty.md": "",
            "d-large.txt": "word " * 300_000,
            "e-photo.jpg": b"\xff\xd8\xff",
            "zebra.md": "Zebras are striped.",
        },
    )

    result = imported(server, bot, folder)

    assert result.exit_code == 1
    assert counts(result) == {"added": 3, "skipped": 1, "failed": 4}
    for line in (
        "failed     b-lie.pdf: The file cannot be read. The file is not what",
        "failed     c-empty.md: The file holds no text.",
        "failed     d-large.txt: The file is larger than 1 MB.",
        "failed     a-broken.pdf: The file is damaged;",
        "skipped    e-photo.jpg: Files of this type are not read (.jpg).",
    ):
        assert line in result.output
    assert statuses(owner, bot) == {
        "a-broken.pdf": "failed",
        "hours.md": "ready",
        "santos/hours.md": "ready",
        "zebra.md": "ready",
    }


def test_what_failed_is_tried_again_as_it_is_or_repaired(
    server: Server, owner: Person, bot: Bot, tmp_path: Path
) -> None:
    put(tmp_path, {"notes.pdf": b"%PDF-1.7", "table.xlsx": b"PK\x03\x04"})
    imported(server, bot, tmp_path)
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.7 no better")

    result = imported(server, bot, tmp_path)

    assert result.exit_code == 1
    assert counts(result) == {"failed": 2}
    assert documents(owner, bot)["notes.pdf"]["size"] == len("%PDF-1.7 no better")


def test_beyond_the_quota_files_fail_and_smaller_ones_still_come_in(
    server: Server, owner: Person, bot: Bot, tmp_path: Path
) -> None:
    large = {f"{name}.txt": f"{name} " * 450_000 for name in "abc"}
    put(tmp_path, large | {"small.txt": "Small enough."})

    result = imported(server, bot, tmp_path, "--no-wait")

    assert result.exit_code == 1
    assert counts(result) == {"added": 3, "failed": 1}
    assert "exceed 2 MB" in result.output
    assert set(documents(owner, bot)) == {"a.txt", "b.txt", "small.txt"}
    owner.http.delete(f"/assistants/delete/{bot.id}").raise_for_status()


def test_a_dry_run_says_what_would_be_and_changes_nothing(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    imported(server, bot, folder)
    before = documents(owner, bot)
    put(folder, {"hours.md": HOURS * 2, "new.md": "New.", "empty.md": ""})

    result = imported(server, bot, folder, "--replace", "--dry-run")

    assert result.exit_code == 1
    assert counts(result) == {"added": 1, "replaced": 1, "unchanged": 1, "failed": 1}
    assert "Nothing was changed." in result.output
    assert documents(owner, bot) == before


def test_without_waiting_the_documents_are_left_to_others(
    server: Server, owner: Person, bot: Bot, folder: Path
) -> None:
    left = imported(server, bot, folder, "--no-wait")
    assert statuses(owner, bot) == {"hours.md": "queued", "santos/hours.md": "queued"}
    continued = imported(server, bot, folder)

    assert (left.exit_code, continued.exit_code) == (0, 0)
    assert "Still to be read: 2." in left.output
    assert counts(continued) == {"unchanged": 2}
    assert statuses(owner, bot) == {"hours.md": "ready", "santos/hours.md": "ready"}


def test_an_empty_folder_is_told(server: Server, bot: Bot, tmp_path: Path) -> None:
    result = imported(server, bot, tmp_path)

    assert (result.exit_code, result.output) == (0, "There is nothing to read.\n")


def test_names_cannot_act_upon_the_terminal(
    server: Server, owner: Person, bot: Bot, tmp_path: Path
) -> None:
    put(tmp_path, {"red\x1b[31m\n.md": "Red."})

    result = imported(server, bot, tmp_path, "--no-wait")

    assert "\x1b" not in result.output
    assert "red�[31m�.md" in result.output
    assert list(documents(owner, bot)) == ["red\x1b[31m\n.md"]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (StoreUnavailable(), "The database is not available right now."),
        (PermissionError(13, "Permission denied", "/srv/docs"), "/srv/docs"),
    ],
)
def test_where_nothing_can_be_stored_the_rest_is_not_tried(
    server: Server,
    owner: Person,
    folder: Path,
    failure: Exception,
    told: str,
) -> None:
    upload = DocumentService.upload

    def failing(*args: Any, **named: Any) -> Document:
        if named["filename"] != "hours.md":
            raise failure
        return upload(*args, **named)

    put(folder, {"zebra/a.md": "A.", "zebra/b.md": "B."})
    bot = owner.create_assistant()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DocumentService, "upload", failing)
        result = imported(server, bot, folder)

    assert result.exit_code == 1
    assert counts(result) == {"added": 1, "failed": 1, "not tried": 2}
    assert told in result.output
    assert statuses(owner, bot) == {"hours.md": "ready"}
