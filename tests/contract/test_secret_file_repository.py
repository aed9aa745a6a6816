import stat
from pathlib import Path

from app.repositories.secret_file import FILE, kept_secret
from app.services.keyring import SHORTEST_SECRET
from tests.support.races import at_once


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "deep"

    made = kept_secret(folder)

    assert len(made.encode()) >= SHORTEST_SECRET
    assert kept_secret(folder) == made
    assert kept_secret(tmp_path / "other") != made


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    kept_secret(tmp_path)

    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_who_starts_at_the_same_instant_gets_the_same(tmp_path: Path) -> None:
    secrets = at_once(lambda _: kept_secret(tmp_path))

    assert len(set(secrets)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_secret_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("my own secret")

    assert kept_secret(tmp_path) == "my own secret"
