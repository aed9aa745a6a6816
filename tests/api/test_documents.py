"""Documents, as the owners of assistants keep them."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server

SHOWN = {
    "_id",
    "filepath",
    "filename",
    "type",
    "assistant_id",
    "size",
    "sha256",
    "status",
    "progress",
    "error",
    "chunks",
    "pages",
    "source_url",
    "createdAt",
}
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


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_an_upload_answers_with_the_whole_document(owner: Person, bot: Bot) -> None:
    answer = owner.upload(bot, "horários.md", TEXT)

    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == SHOWN | {"id"}
    assert body["id"] == body["_id"]
    assert answer.headers["Location"] == f"/documents/get/{body['_id']}"
    assert body["filename"] == "horários.md"
    assert body["filepath"] == f"{bot.id}/knowledge/horários.md"
    assert (body["type"], body["assistant_id"]) == ("rag", bot.id)
    assert body["size"] == len(TEXT.encode())
    assert body["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (body["status"], body["progress"], body["error"]) == ("queued", 0.0, None)
    assert (body["chunks"], body["pages"]) == (0, None)
    shown = owner.http.get(f"/documents/get/{body['_id']}").json()
    ready = {"status": "ready", "progress": 1.0, "chunks": 1}
    assert shown == {name: body[name] for name in SHOWN} | ready
    assert listed(owner, assistant_id=bot.id) == [shown]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_what_is_there_already_is_answered_as_it_is(owner: Person, bot: Bot) -> None:
    document = owner.upload(bot, "hours.md", TEXT).json()["_id"]
    ready = owner.indexed(document)

    again = owner.upload(bot, "hours.md", TEXT, replace="true")

    assert again.status_code == 201
    assert again.json() == ready | {"id": document}


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_document_is_read_again(owner: Person, bot: Bot) -> None:
    document = owner.upload(bot, "hours.md", TEXT).json()["_id"]
    ready = owner.indexed(document)

    answer = owner.http.post(f"/documents/{document}/reindex")

    assert answer.status_code == 202
    assert answer.json() == ready | {"status": "queued", "progress": 0.0}
    assert owner.indexed(document) == ready


def test_a_download_is_what_was_uploaded(
    server: Server, owner: Person, bot: Bot
) -> None:
    document = owner.upload(bot, "horários.md", TEXT).json()

    down = owner.http.get(f"/documents/download/{document['_id']}")

    assert down.content == TEXT.encode()
    stored = server.settings.documents_dir / document["filepath"]
    assert stored.read_bytes() == TEXT.encode()


def test_a_name_that_is_there_is_refused_unless_it_replaces(
    server: Server, owner: Person, bot: Bot
) -> None:
    first = owner.upload(bot, "hours.md", "From nine to five.").json()

    refused = owner.upload(bot, "hours.md", "From ten to six.")
    refused_too = owner.upload(bot, "hours.md", "From ten to six.", replace="false")

    assert (refused.status_code, code(refused)) == (409, "document_exists")
    assert refused_too.status_code == 409
    assert owner.http.get(f"/documents/get/{first['_id']}").json()["size"] == 18

    second = owner.upload(bot, "hours.md", "From ten to six.", replace="true")

    assert second.status_code == 201
    assert second.json()["_id"] == first["_id"]
    assert second.json()["filepath"] == first["filepath"]
    assert len(listed(owner, assistant_id=bot.id)) == 1
    down = owner.http.get(f"/documents/download/{first['_id']}")
    assert down.text == "From ten to six."
    knowledge = server.settings.documents_dir / bot.id / "knowledge"
    assert [path.name for path in knowledge.iterdir()] == ["hours.md"]


def test_the_same_name_may_stand_in_two_assistants(owner: Person) -> None:
    for _ in range(2):
        bot = owner.create_assistant()
        assert owner.upload(bot, "hours.md", TEXT).status_code == 201


def test_two_names_that_become_one_get_a_number(
    server: Server, owner: Person, bot: Bot
) -> None:
    names = ["a?b.md", "a*b.md", "x/a|b.md", "a_b.md"]
    made = [owner.upload(bot, name, f"Text of {name}").json() for name in names]

    places = [document["filepath"].rsplit("/", 1)[1] for document in made]
    assert places == ["a_b.md", "a_b-2.md", "a_b-3.md", "a_b-4.md"]
    assert [document["filename"] for document in made] == names
    for name, document in zip(names, made, strict=True):
        down = owner.http.get(f"/documents/download/{document['_id']}")
        assert down.text == f"Text of {name}"


def test_a_deleted_document_is_gone_from_everywhere(
    server: Server, owner: Person, bot: Bot
) -> None:
    owner.upload(bot, "stays.md", "The shop has a cat.")
    document = owner.upload(bot, "goes.md", "The canary is called Plum.").json()
    asked = bot.post("What is the canary called?").json()
    assert [c["filename"] for c in asked["citations"]] in ([], ["goes.md"])

    answer = owner.http.delete(f"/documents/delete/{document['_id']}")

    assert answer.json() == {"_id": document["_id"], "deleted": True}
    for method, path in (
        ("GET", "get"),
        ("GET", "download"),
        ("GET", "path/get"),
        ("PUT", "path/get"),
        ("DELETE", "delete"),
    ):
        again = owner.http.request(method, f"/documents/{path}/{document['_id']}")
        assert (again.status_code, code(again)) == (404, "document_not_found")
    assert [d["filename"] for d in listed(owner, assistant_id=bot.id)] == ["stays.md"]
    knowledge = server.settings.documents_dir / bot.id / "knowledge"
    assert [path.name for path in knowledge.iterdir()] == ["stays.md"]
    assert owner.upload(bot, "goes.md", "Another canary.").status_code == 201


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "type"),
        ({"type": "rag"}, "assistant_id"),
        ({"type": "pdf", "assistant_id": "x"}, "type"),
        ({"type": "rag", "assistant_id": "x", "replace": "yes"}, "replace"),
        ({"type": "rag", "assistant_id": "x", "filepath": "../x"}, "filepath"),
        ({"type": "rag", "assistant_id": "x" * 65}, "assistant_id"),
        ({"type": "rag", "assistant_id": "x\0y"}, "assistant_id"),
    ],
    ids=str,
)
def test_a_form_that_lacks_or_invents_a_field_is_refused(
    owner: Person, form: dict[str, str], field: str
) -> None:
    answer = owner.http.post(
        "/documents/add", data=form, files={"file": ("a.md", b"text")}
    )

    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_form_without_a_file_is_refused(owner: Person, bot: Bot) -> None:
    form = {"type": "rag", "assistant_id": bot.id}
    for data in (form, form | {"file": "not a file"}):
        answer = owner.http.post("/documents/add", data=data)
        assert answer.status_code == 422
        assert list(answer.json()["error"]["fields"]) == ["file"]
