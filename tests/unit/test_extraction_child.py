"""The child that reads a document keeps to its limits, whatever its reader does."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.extraction import child
from app.extraction.extract import Extract, ExtractionFailed
from app.extraction.limits import Limits
from tests.support.made_pdf import MadePdf
from tests.support.waiting import until

Read = Callable[[str], Extract]
ROOT = Path(__file__).parents[2]
MEGABYTE = 1024**2


@pytest.fixture
def odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Extract]]:
    program = ("-s", "-B", "-m", "tests.support.odd_readers")
    monkeypatch.setattr(child, "PROGRAM", program)

    def read(what: str, *, seconds: float = 60, **limits: int) -> Extract:
        path = tmp_path / "file.odd"
        path.write_text(what)
        return child.extract(
            path,
            "odd",
            limits=Limits(seconds=seconds, **limits),
            on_progress=lambda _done, _of: None,
        )

    yield read
    assert not running(tmp_path)


def running(folder: Path) -> list[int]:
    """Return the processes that read a file of a folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue  # it has ended
    return [pid for pid in found if pid != os.getpid()]


def failure(read: Callable[..., Extract], what: str, **limits: float) -> str:
    with pytest.raises(ExtractionFailed) as failed:
        read(what, **limits)
    return failed.value.reason


def test_a_document_comes_back_whole_with_its_progress(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    pages = [f"Olá, você {n}" for n in range(1, 4)]
    path.write_bytes(MadePdf(pages, outline=[(1, 1, "Olá, você 2")]).data())
    said: list[tuple[int, int | None]] = []

    found = child.extract(
        path, "pdf", limits=Limits(), on_progress=lambda *done: said.append(done)
    )

    assert found.text == "Olá, você 1\n\nOlá, você 2\n\nOlá, você 3\n"
    assert [number for _, number in found.pages] == [1, 2, 3]
    (heading,) = found.headings
    assert found.text[heading.start : heading.end] == "Olá, você 2\n"
    assert said[0] == (1, 3)


def test_a_reason_comes_back_too(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    path.write_bytes(MadePdf([""]).data())

    with pytest.raises(ExtractionFailed) as failed:
        child.extract(path, "pdf", limits=Limits(), on_progress=lambda *_: None)
    assert failed.value.reason == "no_text"


def test_a_file_that_is_gone_is_no_fault_of_the_document(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        child.extract(
            tmp_path / "gone.pdf", "pdf", limits=Limits(), on_progress=lambda *_: None
        )


@pytest.mark.parametrize(
    ("what", "limits", "reason"),
    [
        ("eat", {"memory_bytes": 200 * MEGABYTE}, "too_much_memory"),
        ("loop", {"seconds": 1}, "too_slow"),
        ("sleep", {"seconds": 0.5}, "too_slow"),
        ("write", {"text_characters": 10_000}, "too_long"),
        ("flood", {"text_characters": 10_000}, "too_long"),
        ("chatter", {"text_characters": 10_000}, "too_long"),
        ("signal SIGSEGV", {}, "crashed"),
        ("signal SIGABRT", {}, "crashed"),
        ("signal SIGKILL", {}, "too_much_memory"),
        ("signal SIGXCPU", {}, "too_slow"),
        ("leave", {}, "crashed"),
        ("nonsense", {}, "crashed"),
        ("unheard_of", {}, "broken"),
    ],
)
def test_every_end_of_the_child_has_its_reason(
    odd: Read, what: str, limits: dict[str, float], reason: str
) -> None:
    assert failure(odd, what, **limits) == reason


def test_the_child_stores_nothing(odd: Read, tmp_path: Path) -> None:
    place = tmp_path / "stored"

    assert odd(f"store {place}").text.startswith("refused")
    assert place.read_bytes() == b""


def test_the_child_knows_no_secret_and_lets_chats_go_first(
    odd: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")

    names, nice, *modules = odd("surroundings").text.split("\n")

    assert set(names.split()) <= {"LC_ALL", "LC_CTYPE", "PYTHONUTF8"}
    assert nice == f"nice {min(os.nice(0) + 10, 19)}"
    assert modules == [""]


def test_the_child_holds_no_connection_of_the_server(odd: Read) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert odd("descriptors").text == "looked\n"


def test_several_threads_read_at_a_time(odd: Read) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(odd, "progress") for _ in range(4)]
    assert {extract.result().text for extract in found} == {"done\n"}


def test_whoever_is_told_the_progress_may_end_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = ("-s", "-B", "-m", "tests.support.odd_readers")
    monkeypatch.setattr(child, "PROGRAM", program)
    path = tmp_path / "file.odd"
    path.write_text("chatter")

    def stop(_done: int, _of: int | None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        child.extract(path, "odd", limits=Limits(), on_progress=stop)
    assert not running(tmp_path)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    begun, path = tmp_path / "begun", tmp_path / "file.odd"
    path.write_text(f"sleep {begun}")
    code = (
        "import sys; from pathlib import Path; from app.extraction import child;"
        "from app.extraction.limits import Limits;"
        "child.PROGRAM = ('-s', '-B', '-m', 'tests.support.odd_readers');"
        "child.extract(Path(sys.argv[1]), 'odd', limits=Limits(), on_progress=print)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) as parent:
        until(begun.exists)
        assert len(running(tmp_path)) == 2
        parent.send_signal(signal.SIGKILL)
    until(lambda: not running(tmp_path))
