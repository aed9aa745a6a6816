"""An assistant is taken out of one server and lives on in another."""

import io
import json
import socket
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import httpx2
import pytest

from tests.support.made_archive import (
    assistant_json,
    bring_in,
    entries,
    listed,
    numbers,
    zip_of,
)
from tests.support.made_pdf import MadePdf
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server, running

MEGABYTE = 2**20
SETTINGS: dict[str, Any] = {
    "name": "Loja do Zé 🛒",
    "company": "Loja Ltda",
    "instructions": "Seja breve.\n\nAnswer in the contact's language.",
    "model": None,
    "temperature": 0.5,
    "max_tokens": 300,
    "retrieval": {"enabled": True, "passages": 4, "min_score": 0.1, "citations": True},
    "history": {"messages": 10},
    "takeover": {
        "return_after_minutes": 30,
        "contact_keywords": ["atendente"],
        "release_keywords": ["robô"],
    },
}
PAGES = ["The shop opens at nine.", "Acai costs ten reais.", "The shop is in Manaus."]
PDF = MadePdf(PAGES).data()


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {"max_upload_mb": 1, "assistant_quota_mb": 4}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cheap_passwords(), running(tmp_path_factory.mktemp("elsewhere")) as made:
        yield made


@pytest.fixture(scope="module")
def newcomer(elsewhere: Server) -> Person:
    elsewhere.register()
    return elsewhere.register()


@pytest.fixture
def shop(owner: Person) -> Bot:
    bot = owner.create_assistant(**SETTINGS)
    owner.upload(bot, "prices.pdf", PDF).raise_for_status()
    owner.upload(bot, "horários.md", "# Horários\n\nAbrimos às nove.")
    owner.upload(bot, "../../x.csv", "product,price\nacai,10")
    return bot


def export(person: Person, assistant_id: str) -> httpx2.Response:
    answer = person.http.get(f"/assistants/{assistant_id}/export")
    assert answer.status_code == 200, answer.text
    return answer


def contents(data: bytes) -> dict[str, Any]:
    """Return what a zip holds, its JSON read."""
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            name: json.loads(archive.read(name))
            if name.endswith(".json")
            else archive.read(name)
            for name in archive.namelist()
        }


def documents_of(person: Person, assistant_id: str) -> list[dict[str, Any]]:
    params = {"assistant_id": assistant_id, "type": "rag"}
    found: list[dict[str, Any]] = person.http.get(
        "/documents/list", params=params
    ).json()
    return found


def test_an_export_holds_the_settings_and_the_documents(
    owner: Person, shop: Bot
) -> None:
    answer = export(owner, shop.id)

    assert answer.headers["Content-Type"] == "application/zip"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename=assistant.zip; filename*=UTF-8")
    assert disposition.isascii()
    assert "Loja%20do%20Z%C3%A9" in disposition
    found = contents(answer.content)
    assert list(found) == [
        "assistant.json",
        "documents/0001.csv",
        "documents/0002.md",
        "documents/0003.pdf",
        "documents.json",
    ]
    assert found["assistant.json"] == {
        "format": "orquestradora-assistant",
        "version": 1,
        "assistant": SETTINGS,
    }
    assert found["documents.json"] == {
        "documents": [
            listed(name, found[f"documents/{number:04}.{kind}"], number)
            | {"source_url": None}
            for number, (name, kind) in enumerate(
                [("../../x.csv", "csv"), ("horários.md", "md"), ("prices.pdf", "pdf")],
                1,
            )
        ]
    }
    assert found["documents/0003.pdf"] == PDF


def test_an_export_holds_no_key_person_chat_or_id(
    server: Server, owner: Person, stranger: Person
) -> None:
    member = [{"user_id": stranger.id, "role": "editor"}]
    bot = owner.create_assistant(**SETTINGS, members=member)
    document = owner.upload(bot, "hours.md", "From nine to five.").json()
    chat = bot.post("What did Rita say?").json()

    for person in (owner, stranger):
        said = str(contents(export(person, bot.id).content))
        for secret in (bot.key, bot.id, owner.id, stranger.id, document["_id"]):
            assert secret not in said
        assert chat["chat_id"] not in said
        assert "Rita" not in said


def test_it_lives_on_elsewhere(
    owner: Person, shop: Bot, elsewhere: Server, newcomer: Person
) -> None:
    taken = export(owner, shop.id).content

    answer = bring_in(newcomer, taken)

    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/assistants/get/{made['_id']}"
    assert made["id"] == made["_id"] != shop.id
    assert made["owner_id"] == newcomer.id
    assert made["members"] == []
    assert made["api_key"] != shop.key
    assert {name: made[name] for name in SETTINGS} == SETTINGS
    assert newcomer.http.get(f"/assistants/get/{made['_id']}").json() == {
        name: value for name, value in made.items() if name != "id"
    }
    for document in documents_of(newcomer, made["_id"]):
        assert newcomer.indexed(document["_id"])["status"] == "ready"
    assert contents(export(newcomer, made["_id"]).content) == contents(taken)
    bot = elsewhere.bot(made["_id"], made["api_key"])
    told = bot.post("How much does the acai cost?").json()
    assert "ten reais" in told["response"]
    [citation] = told["citations"]
    assert (citation["filename"], citation["page"]) == ("prices.pdf", 2)
    assert shop.http.get("/chats/outbox").status_code == 200  # its key still opens
    assert elsewhere.bot(shop.id, shop.key).post("Hello").status_code == 401


def test_it_may_come_in_beside_itself_under_another_name(
    owner: Person, shop: Bot
) -> None:
    taken = export(owner, shop.id).content

    answer = bring_in(owner, taken, name="The copy")

    assert answer.status_code == 201
    assert answer.json()["name"] == "The copy"
    assert answer.json()["api_key"] != shop.key
    again = contents(export(owner, answer.json()["_id"]).content)
    again["assistant.json"]["assistant"]["name"] = SETTINGS["name"]
    assert again == contents(taken)
    assert contents(export(owner, shop.id).content) == contents(taken)


def test_one_written_by_hand_needs_no_more_than_a_name(owner: Person) -> None:
    made = entries({}, assistant=assistant_json())
    made["assistant.json"] = json.dumps(
        {
            "format": "orquestradora-assistant",
            "version": 1,
            "assistant": {"name": "By hand"},
        }
    ).encode()

    answer = bring_in(owner, zip_of([("documents/", b""), *made.items()]))

    assert answer.status_code == 201, answer.text
    assert answer.json()["retrieval"]["passages"] == 6
    assert answer.json()["instructions"] == ""


@pytest.mark.parametrize(
    ("form", "field"), [({"name": " "}, "name"), ({"owner_id": "x"}, "owner_id")]
)
def test_a_wrong_field_of_the_form_is_named(
    owner: Person, form: dict[str, str], field: str
) -> None:
    answer = bring_in(owner, zip_of(entries()), **form)

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_file_is_needed(owner: Person) -> None:
    answer = owner.http.post("/assistants/import", data={"name": "Loja"}, files={})

    assert answer.status_code in {415, 422}


def test_the_address_of_a_page_comes_along_and_is_not_asked(owner: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/page"
        page = b"<p>We open from nine to five.</p>"
        described = listed("page.html", page, source_url=url)
        made = entries({"page.html": page}, manifest={"documents": [described]})

        answer = bring_in(owner, zip_of(made))

        assert answer.status_code == 201, answer.text
        [document] = documents_of(owner, answer.json()["_id"])
        assert document["source_url"] == url
        owner.indexed(document["_id"])
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()
    again = contents(export(owner, answer.json()["_id"]).content)
    assert again["documents.json"] == {"documents": [described]}


# Sizes


def test_an_import_may_be_larger_than_an_upload(owner: Person) -> None:
    documents = {f"{number}.txt": numbers(number) for number in range(3)}
    stored = io.BytesIO()
    with ZipFile(stored, "w") as archive:
        for name, data in entries(documents).items():
            archive.writestr(name, data)
    assert len(stored.getvalue()) > 2 * MEGABYTE

    answer = bring_in(owner, stored.getvalue())

    assert answer.status_code == 201
    assert len(documents_of(owner, answer.json()["_id"])) == len(documents)


def test_a_body_of_more_than_all_documents_may_have_is_refused(owner: Person) -> None:
    answer = bring_in(owner, bytes(21 * MEGABYTE))

    assert (answer.status_code, answer.json()["error"]["code"]) == (
        413,
        "body_too_large",
    )
    assert "20 MB" in answer.json()["error"]["message"]
