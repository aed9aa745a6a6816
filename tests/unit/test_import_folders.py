"""Which files of a folder become documents, and under which names."""

import os
from pathlib import Path

import pytest

from app.cli.folders import FolderFile, files_below


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def found(folder: Path) -> dict[str, FolderFile]:
    return {file.name: file for file in files_below(folder)}


def test_files_are_named_by_their_path_from_the_folder_on_in_order(
    tmp_path: Path,
) -> None:
    put(tmp_path, "b.md", "a/notes.md", "a/deep/notes.md", "c/notes.md", "a.md")

    names = [file.name for file in files_below(tmp_path)]

    assert names == ["a.md", "b.md", "a/notes.md", "a/deep/notes.md", "c/notes.md"]


def test_a_file_is_read_where_it_lies(tmp_path: Path) -> None:
    put(tmp_path, "a/notes.md")

    [file] = files_below(tmp_path)

    assert (file.path.read_text(), file.size) == ("x", 1)


@pytest.mark.parametrize(
    "name", [".hidden.md", ".git/notes.md", "a/.cache/notes.md", "~$open.docx"]
)
def test_what_is_hidden_is_skipped(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)

    [file] = files_below(tmp_path)

    assert file.skipped == "It is hidden."
    assert name.startswith(file.name)


@pytest.mark.parametrize(
    ("name", "told"),
    [("photo.jpg", "(.jpg)"), ("LICENSE", "(none)"), ("a/old.doc", "(.doc)")],
)
def test_formats_that_are_not_read_are_skipped(
    tmp_path: Path, name: str, told: str
) -> None:
    put(tmp_path, name)

    skipped = found(tmp_path)[name].skipped

    assert skipped
    assert told in skipped


@pytest.mark.parametrize("name", ["NOTES.MD", "Relatório 2026 (final).PDF", "名前.txt"])
def test_capitals_spaces_and_any_alphabet_are_read(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)

    [file] = files_below(tmp_path)

    assert (file.name, file.skipped, file.failed) == (name, None, None)


def test_links_out_of_the_folder_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, "secret.md", "in/notes.md", "in-not/notes.md")
    (tmp_path / "in/file.md").symlink_to("../secret.md")
    (tmp_path / "in/neighbour.md").symlink_to(tmp_path / "in-not/notes.md")
    (tmp_path / "in/folder").symlink_to(tmp_path)

    files = found(tmp_path / "in")

    assert files.pop("notes.md").skipped is None
    assert {file.skipped for file in files.values()} == {
        "It is a link out of the folder."
    }


def test_links_within_the_folder_are_files_but_never_lead_round(
    tmp_path: Path,
) -> None:
    put(tmp_path, "notes.md", "a/more.md")
    (tmp_path / "a/link.md").symlink_to("../notes.md")
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "self.md").symlink_to("self.md")
    (tmp_path / "gone.md").symlink_to("nothing.md")

    skipped = {name: file.skipped for name, file in found(tmp_path).items()}

    assert skipped == {
        "gone.md": "It is a link to nothing.",
        "notes.md": None,
        "self.md": "It is a link to nothing.",
        "a/link.md": None,
        "a/more.md": None,
        "a/up": "It is a link to a folder.",
    }


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path, "real/notes.md")
    (tmp_path / "link").symlink_to("real")

    assert found(tmp_path / "link")["notes.md"].skipped is None


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")

    assert found(tmp_path)["pipe.txt"].skipped == "It is no ordinary file."


def test_a_name_that_is_not_utf_8_fails(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("x")

    [file] = files_below(tmp_path)

    assert file.failed == "Its name is not UTF-8."


def test_a_folder_that_cannot_be_opened_fails_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "locked/notes.md", "open/notes.md")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("app.cli.folders.os.scandir", refusing)

    files = found(tmp_path)

    assert files["locked/"].failed == "Permission denied"
    assert files["open/notes.md"].failed is None
