"""Documents as they are shown: in lists, by themselves, and to whom."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server

TEXT = "# Horários\n\nAtendemos das nove às cinco.\n"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


def listed(person: Person, **query: Any) -> list[dict[str, Any]]:
    answer = person.http.get("/documents/list", params=query)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("language", "words"), [("en", "damaged"), ("pt-BR", "danificado")]
)
def test_what_could_not_be_read_says_why_in_the_readers_language(
    owner: Person, bot: Bot, language: str, words: str
) -> None:
    document = owner.upload(bot, "a.docx", b"PK\x03\x04 no zip").json()["_id"]

    shown = owner.http.get(
        f"/documents/get/{document}", headers={"Accept-Language": language}
    ).json()

    assert (shown["status"], shown["chunks"]) == ("failed", 0)
    assert words in shown["error"]
    assert listed(owner, assistant_id=bot.id, status="failed")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("wait", ["-1", "25.1", "nan", "soon"])
def test_nobody_waits_for_ever(owner: Person, bot: Bot, wait: str) -> None:
    document = owner.upload(bot, "hours.md", TEXT).json()["_id"]

    answer = owner.http.get(f"/documents/get/{document}", params={"wait": wait})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["wait"]


def test_the_path_is_the_filepath_by_both_methods(owner: Person, bot: Bot) -> None:
    document = owner.upload(bot, "hours.txt", TEXT).json()

    for method in ("GET", "PUT"):
        answer = owner.http.request(method, f"/documents/path/get/{document['_id']}")
        assert answer.status_code == 200
        assert answer.json() == {"path": document["filepath"]}
        assert not document["filepath"].startswith("/")


def test_lists_are_filtered_and_walked(server: Server, admin: Person) -> None:
    person = server.register()
    one, other = (person.create_assistant(instructions="Be kind.") for _ in range(2))
    made = [person.upload(one, f"{n}.md", TEXT).json()["_id"] for n in range(5)]
    person.upload(other, "other.md", TEXT)

    assert len(listed(person)) == 8
    assert len(listed(person, type="prompt")) == 2
    found = [d["_id"] for d in listed(person, assistant_id=one.id, type="rag")]
    assert found == made[::-1]
    assert len(listed(person, status="ready")) == 8
    assert listed(person, status="failed") == []
    assert listed(person, status="queued") == []

    walked: list[str] = []
    address = f"/documents/list?limit=2&type=rag&assistant_id={one.id}"
    while address:
        answer = person.http.get(address)
        assert answer.headers["X-Total-Count"] == "5"
        walked += [row["_id"] for row in answer.json()]
        address = answer.links["next"]["url"] if "Link" in answer.headers else ""
    assert walked == made[::-1]


def test_a_document_is_answered_to_whoever_may_see_its_assistant(
    admin: Person, owner: Person, stranger: Person, bot: Bot
) -> None:
    document = owner.upload(bot, "hours.md", TEXT).json()["_id"]

    for path in ("get", "download", "path/get"):
        assert owner.http.get(f"/documents/{path}/{document}").status_code == 200
        assert admin.http.get(f"/documents/{path}/{document}").status_code == 200
        assert stranger.http.get(f"/documents/{path}/{document}").status_code == 404
