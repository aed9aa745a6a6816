"""The bytes of documents: whole, in their place, and nowhere else."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from app.errors import StorageFull
from app.repositories.files import DocumentFiles
from tests.support.races import at_once

PLACE = "a1/knowledge/notes.md"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def files(root: Path) -> DocumentFiles:
    return DocumentFiles(root)


def found(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()
    )


def put(files: DocumentFiles, data: bytes, place: str = PLACE) -> None:
    assistant_id = Path(place).parts[0]
    files.stage(assistant_id, "r1", data)
    files.commit(assistant_id, "r1", place)


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"x" * 3_000_000])
def test_a_file_holds_what_was_put_there(
    files: DocumentFiles, root: Path, data: bytes
) -> None:
    put(files, data)

    assert files.path(PLACE).read_bytes() == data
    assert found(root) == [PLACE]


def test_nobody_sees_a_file_before_its_commit(files: DocumentFiles, root: Path) -> None:
    put(files, b"old")
    files.stage("a1", "r2", b"new")

    assert files.path(PLACE).read_bytes() == b"old"

    files.commit("a1", "r2", PLACE)
    assert files.path(PLACE).read_bytes() == b"new"
    assert found(root) == [PLACE]


def test_a_discarded_file_is_gone(files: DocumentFiles, root: Path) -> None:
    files.stage("a1", "r1", b"data")

    files.discard("a1", "r1")
    files.discard("a1", "r1")
    files.discard("none", "r1")

    assert found(root) == []


def test_what_was_staged_long_ago_is_listed(files: DocumentFiles, root: Path) -> None:
    for assistant_id, name in (("a1", "old"), ("a2", "older"), ("a1", "new")):
        files.stage(assistant_id, name, b"data")
    then = time.time() - 700
    for path in root.rglob("old*"):
        os.utime(path, (then, then))

    assert sorted(files.staged_since(600)) == [("a1", "old"), ("a2", "older")]
    assert len(files.staged_since(-1)) == 3


def test_a_folder_that_is_not_there_yet_has_nothing(files: DocumentFiles) -> None:
    assert files.staged_since(0) == []
    files.remove(PLACE)
    files.remove_for_assistant("a1")


@pytest.mark.parametrize(
    "filepath",
    [
        "../outside",
        "a1/../../outside",
        "/etc/passwd",
        "a1/link/outside",
        "a1/file-link",
        "a1/knowledge/../../../outside",
    ],
)
def test_a_path_outside_the_folder_is_refused(
    files: DocumentFiles, root: Path, filepath: str
) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"theirs")
    (root / "a1").mkdir(parents=True)
    (root / "a1" / "link").symlink_to(root.parent, target_is_directory=True)
    (root / "a1" / "file-link").symlink_to(outside)
    files.stage("a1", "r1", b"data")

    for use in (
        lambda: files.path(filepath),
        lambda: files.remove(filepath),
        lambda: files.commit("a1", "r1", filepath),
    ):
        with pytest.raises(ValueError, match=r".+"):
            use()

    assert outside.read_bytes() == b"theirs"


def test_removing_an_assistants_files_leaves_the_others(
    files: DocumentFiles, root: Path
) -> None:
    put(files, b"mine")
    files.stage("a1", "r9", b"staged")
    put(files, b"other", "a2/prompt.txt")
    (root / "a1" / "link").symlink_to(root / "a2", target_is_directory=True)

    files.remove_for_assistant("a1")
    files.remove_for_assistant("a1")

    assert found(root) == ["a2/prompt.txt"]
    assert not (root / "a1").exists()


def test_many_may_remove_the_same_files_at_once(
    files: DocumentFiles, root: Path
) -> None:
    for number in range(30):
        put(files, b"x", f"a1/knowledge/{number}.md")

    at_once(lambda _: files.remove_for_assistant("a1"), threads=8)

    assert found(root) == []


Broken = Callable[[pytest.MonkeyPatch, int], None]


def _no_space_at_write(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = Path.open

    def opened(self: Path, *args: Any, **kwargs: Any) -> Any:
        file = real(self, *args, **kwargs)
        if "w" in str(args):
            return _FullFile(file, code)
        return file

    monkeypatch.setattr(Path, "open", opened)


def _no_space_at_sync(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)


def _no_space_at_folder(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", fail)


class _FullFile:
    def __init__(self, file: Any, code: int) -> None:
        self._file = file
        self._code = code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        raise OSError(self._code, os.strerror(self._code))


@pytest.mark.parametrize(
    "broken", [_no_space_at_write, _no_space_at_sync, _no_space_at_folder]
)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_no_part_of_a_file(
    files: DocumentFiles,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: Broken,
    code: int,
) -> None:
    with monkeypatch.context() as patched:
        broken(patched, code)
        with pytest.raises(StorageFull):
            files.stage("a1", "r1", b"data" * 1000)

    assert found(root) == []
    put(files, b"data")
    assert found(root) == [PLACE]


def test_another_failure_of_the_disk_is_not_called_full(
    files: DocumentFiles, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_space_at_sync(monkeypatch, errno.EIO)

    with pytest.raises(OSError, match="Input/output"):
        files.stage("a1", "r1", b"data")

    assert found(root) == []


def test_a_disk_that_fills_up_at_the_commit_is_full(
    files: DocumentFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.stage("a1", "r1", b"data")
    _no_space_at_sync(monkeypatch, errno.ENOSPC)

    with pytest.raises(StorageFull):
        files.commit("a1", "r1", PLACE)
