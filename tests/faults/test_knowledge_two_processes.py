"""Two server processes on one store have the same documents."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.support.forked import forked
from tests.support.librarian import FINISHED, Asking, Librarian
from tests.support.processes import ServerProcess
from tests.support.servers import SECRET, store_settings
from tests.support.store_backends import BACKENDS
from tests.support.waiting import until

ROUNDS = 8
PIECES = 30


@pytest.fixture(scope="module", params=BACKENDS)
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[list[ServerProcess]]:
    """Return two: on the embedded store they share its folder, else the documents."""
    folder = tmp_path_factory.mktemp("servers")
    settings = {
        "secret_key": SECRET,
        "documents_dir": folder / "documents",
        "log_level": "WARNING",
        **store_settings(request, request.param),
    }
    places = ["one", "one" if request.param == "embedded" else "other"]
    for place in places:
        (folder / place).mkdir(exist_ok=True)
    one, other = (forked(folder / place, **settings) for place in places)
    with one, other:
        yield [one, other]


@pytest.fixture(scope="module")
def librarian(servers: list[ServerProcess]) -> Librarian:
    return Librarian(servers[0])


@pytest.fixture
def fresh(servers: list[ServerProcess], librarian: Librarian) -> Librarian:
    """Return the same person with a new assistant."""
    librarian.assistant = librarian.add_assistant(servers[0])
    return librarian


def pieces(bird: str) -> str:
    return "".join(
        f"## Rule {n}\n\nThe {bird} sings in room {n}. {'La. ' * 150}\n\n"
        for n in range(PIECES)
    )


def test_what_one_adds_replaces_and_deletes_the_other_finds_at_the_next_question(
    servers: list[ServerProcess], fresh: Librarian
) -> None:
    one, other = servers
    assert fresh.found(other, "canary") == []

    for at, another in ((one, other), (other, one)):
        document = fresh.upload_and_index(at, "The canary sings.")
        assert fresh.found(another, "canary") == ["The canary sings."]
        second = fresh.upload_and_index(at, "The owl hoots.", name="owl.md")
        assert fresh.found(another, "owl") == ["The owl hoots."]

        assert fresh.upload_and_index(at, "The parrot talks.") == document
        assert fresh.found(another, "canary parrot") == ["The parrot talks."]

        for each in (document, second):
            fresh.delete(at, each)
        assert fresh.found(another, "canary parrot owl") == []


def test_who_asks_one_while_the_other_replaces_gets_old_or_new(
    servers: list[ServerProcess], fresh: Librarian
) -> None:
    one, other = servers
    birds = ["canary", "parrot", "wren", "robin", "owl", "heron"]
    fresh.upload_and_index(one, pieces(birds[0]))
    asking = Asking(fresh, other, "Who sings in which room?")
    with asking.all_the_while():
        for bird in birds[1:]:
            fresh.upload_and_index(one, pieces(bird))

    for answer in asking.seen:
        assert len(answer) == 10
        assert len({text.split("The ")[1].split()[0] for text in answer}) == 1
    assert len(asking.seen) >= 2


def test_of_replacements_at_the_same_instant_the_last_is_whole(
    servers: list[ServerProcess], fresh: Librarian, tmp_path: Path
) -> None:
    document = fresh.upload_and_index(servers[0], "The canary sings.")
    senders = 4
    for turn in range(ROUNDS):
        texts = [f"Version {turn}-{n} of the text." for n in range(senders)]
        together = Barrier(senders)

        def replace(
            n: int, texts: list[str] = texts, together: Barrier = together
        ) -> tuple[int, str]:
            together.wait()
            answer = fresh.try_to_upload(servers[n % 2], texts[n])
            error = answer.json().get("error") or {}
            return answer.status_code, error.get("code", "")

        with ThreadPoolExecutor(senders) as people:
            answers = list(people.map(replace, range(senders)))

        assert set(answers) <= {(201, ""), (409, "document_exists")}
        assert (201, "") in answers
        until(
            lambda: (
                fresh.shown(servers[0], document)["status"] != "queued"
                and fresh.shown(servers[0], document)["status"] != "processing"
            ),
            seconds=FINISHED,
        )
        shown = fresh.shown(servers[1], document)
        assert (shown["status"], shown["error"]) == ("ready", None)
        [found] = fresh.found(servers[1], "version text")
        accepted = [t for t, a in zip(texts, answers, strict=True) if a[0] == 201]
        assert found in accepted
        assert shown["sha256"] == hashlib.sha256(found.encode()).hexdigest()
        path = Path(servers[0].settings["DOCUMENTS_DIR"]) / shown["filepath"]
        assert path.read_text() == found
