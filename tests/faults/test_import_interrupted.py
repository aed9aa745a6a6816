"""`flask import-documents` as a process: stopped in the middle, and on a terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_pdf import MadePdf
from tests.support.processes import ROOT, ServerProcess
from tests.support.running import Bot, Person, running

COMMAND = [sys.executable, "-m", "flask", "--app", "main", "import-documents"]


class ImportCommand(ServerProcess):
    """`flask import-documents`, beside a server on the same store."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(folder)
        self.spawn([*COMMAND, *arguments])

    def interrupt_after(self, outcome: str, number: int) -> None:
        """Send it a signal as soon as it has said something of a file."""
        for line in self.output:
            if line.startswith(outcome):
                self.process.send_signal(number)
                return
        raise AssertionError(self.log.read_text())

    def end(self) -> tuple[int, str]:
        """Return its exit code, and what it has said since."""
        said = self.output.read()
        return self._ended(), said


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Person]:
    with running(tmp_path, workers=0) as server:
        yield server.register()


@pytest.fixture
def bot(owner: Person) -> Bot:
    return owner.create_assistant()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def statuses(owner: Person) -> dict[str, str]:
    found = owner.http.get("/documents/list", params={"limit": 1000}).json()
    by_name = {one["filename"]: one["status"] for one in found}
    assert len(by_name) == len(found)
    return by_name


def test_stopped_while_it_stores_it_says_what_is_in_and_goes_on_the_next_time(
    tmp_path: Path, folder: Path, owner: Person, bot: Bot
) -> None:
    names = {f"{number:03}.md" for number in range(100)}
    for name in names:
        (folder / name).write_text(f"This is page {name}.")
    arguments = (bot.id, str(folder), "--no-wait")

    command = ImportCommand(tmp_path, *arguments)
    command.interrupt_after("added", signal.SIGINT)
    code, said = command.end()

    stored = statuses(owner)
    assert (code, command.log.read_text()) == (1, "")
    assert f"added      {len(stored):>7}" in said
    assert f"not tried  {len(names) - len(stored):>7}" in said
    assert set(re.findall(r"^added +(\d+\.md)", said, re.MULTILINE)) < set(stored)

    code, said = ImportCommand(tmp_path, *arguments).end()

    assert code == 0
    assert f"unchanged  {len(stored):>7}" in said
    assert set(statuses(owner)) == names


def test_stopped_while_it_reads_what_is_in_stays_and_is_read_the_next_time(
    tmp_path: Path, folder: Path, owner: Person, bot: Bot
) -> None:
    page = "\n".join("A line about bicycles and their tyres." for _ in range(40))
    for number in range(5):
        pages = [f"Page {place} of {number}.\n{page}" for place in range(40)]
        (folder / f"{number}.pdf").write_bytes(MadePdf(pages).data())

    command = ImportCommand(tmp_path, bot.id, str(folder))
    command.interrupt_after("ready", signal.SIGTERM)
    code, said = command.end()

    left = list(statuses(owner).values())
    waiting = len(left) - left.count("ready")
    assert code == 1
    assert f"Still to be read: {waiting}." in said
    assert len(left) == 5
    assert "failed" not in left

    code, said = ImportCommand(tmp_path, bot.id, str(folder)).end()

    assert code == 0, said
    assert set(statuses(owner).values()) == {"ready"}


def test_on_a_terminal_it_shows_bars_in_place_of_lines(
    tmp_path: Path, folder: Path, owner: Person, bot: Bot
) -> None:
    (folder / "notes.md").write_text("The shop opens at nine.")
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, bot.id, str(folder)],
        cwd=ROOT,
        env=ServerProcess(tmp_path).environment(),
        stdout=inner,
        stderr=inner,
    ) as command:
        os.close(inner)
        said = b"".join(iter(lambda: read(terminal), b"")).decode()
    os.close(terminal)

    assert command.returncode == 0, said
    assert "Storing    [####################]  100%" in said
    assert "Reading    [####################]  100%" in said
    assert "1 of 1, notes" in said
    assert "ready      notes.md" not in said
    assert statuses(owner) == {"notes.md": "ready"}


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has it open any more
        return b""
