"""The search index lost or damaged: it is made anew, and questions go on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.forked import forked
from tests.support.librarian import Asking, Librarian
from tests.support.processes import ServerProcess
from tests.support.waiting import until

BIRDS = ["canary", "parrot", "wren", "robin"]
QUERY = "Which bird is it, canary, parrot, wren or robin?"


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"no index at all " * 10_000)


def damage_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * max(0, size - 4096))


def delete_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def delete_log_alone(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)


def garbage_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"\x37\x7f" * 50_000)


DAMAGES = [
    delete,
    delete_all,
    truncate,
    empty,
    garbage,
    damage_pages,
    delete_log,
    delete_log_alone,
    garbage_log,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with forked(tmp_path_factory.mktemp("server"), log_level="WARNING") as made:
        yield made


@pytest.fixture(scope="module")
def librarian(server: ServerProcess) -> Librarian:
    made = Librarian(server)
    for bird in BIRDS:
        made.upload_and_index(server, f"The {bird} sings.", name=f"{bird}.md")
    return made


def path_of(server: ServerProcess) -> Path:
    return server.folder / "data" / "search.sqlite3"


def birds(librarian: Librarian, server: ServerProcess) -> set[str]:
    return {text.split()[1] for text in librarian.found(server, QUERY)}


def is_whole(librarian: Librarian, server: ServerProcess) -> bool:
    return birds(librarian, server) == set(BIRDS)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_while_it_is_used(
    server: ServerProcess, librarian: Librarian, damage: Callable[[Path], None]
) -> None:
    until(lambda: is_whole(librarian, server))
    asking = Asking(librarian, server, QUERY)
    with asking.all_the_while():
        damage(path_of(server))
        new = librarian.upload_and_index(server, "The owl hoots.", name="owl.md")
        until(lambda: librarian.found(server, "owl") == ["The owl hoots."])
        until(lambda: is_whole(librarian, server))
        answer = librarian.answer(server, "What does the parrot do?")

    assert [c["filename"] for c in answer["citations"]] == ["parrot.md"]
    assert all(len(set(seen)) == len(seen) for seen in asking.seen)
    librarian.delete(server, new)
    assert librarian.found(server, "owl") == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_between_two_runs(
    server: ServerProcess, librarian: Librarian, damage: Callable[[Path], None]
) -> None:
    until(lambda: is_whole(librarian, server))
    server.kill()
    damage(path_of(server))
    server.start()

    until(lambda: is_whole(librarian, server))
    assert librarian.found(server, "wren") == ["The wren sings."]
