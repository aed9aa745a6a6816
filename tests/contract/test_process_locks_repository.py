import os
import subprocess
import sys
from pathlib import Path

from app.repositories.process_locks import ProcessLocks

HOLD = """
import sys
from pathlib import Path
from app.repositories.process_locks import ProcessLocks
locks = ProcessLocks(Path(sys.argv[1]))
locks.hold("other")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_abandoned_when_its_process_ends_however(tmp_path: Path) -> None:
    locks = ProcessLocks(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        assert not locks.is_abandoned("other")
        other.kill()

    assert locks.is_abandoned("other")
    assert locks.is_abandoned("other")
    locks.remove("other")
    locks.remove("other")
    assert not locks.is_abandoned("other")


def test_nobody_knows_of_a_process_elsewhere(tmp_path: Path) -> None:
    assert not ProcessLocks(tmp_path / "none").is_abandoned("other")


def test_a_lock_is_let_go_with_the_others(tmp_path: Path) -> None:
    mine, others = ProcessLocks(tmp_path / "deep"), ProcessLocks(tmp_path / "deep")
    mine.hold("me")
    assert not others.is_abandoned("me")

    mine.release()

    assert others.is_abandoned("me")
