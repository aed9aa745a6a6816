"""How many documents an assistant may have, and how large they may be together."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.races import at_once
from tests.support.running import Bot, Person, Server

FILES, UPLOADS = 5, 50
ONE = b"A line of the document.\n" * 22_000  # 528 kB


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "max_upload_mb": 1,
            "assistant_quota_mb": 2,
            "assistant_quota_files": FILES,
        }


def files_of(server: Server, bot: Bot) -> list[str]:
    folder = server.settings.documents_dir / bot.id
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def send(person: Person, bot: Bot, name: str, data: bytes = b"Text.") -> int:
    """Upload a document, without waiting; refused is no room but for a reason."""
    form = {"type": "rag", "assistant_id": bot.id}
    answer = person.http.post("/documents/add", data=form, files={"file": (name, data)})
    if answer.status_code == 409:
        assert answer.json()["error"]["code"] == "document_quota_exceeded"
    return answer.status_code


def listed(person: Person, bot: Bot) -> list[str]:
    rows = person.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    return sorted(row["filename"] for row in rows if row["type"] == "rag")


def test_an_assistant_has_so_many_documents(server: Server, owner: Person) -> None:
    bot = owner.create_assistant(instructions="Be kind.")
    made = [owner.upload(bot, f"{n}.md", "Text.") for n in range(FILES)]

    answers: list[httpx2.Response] = []
    for language in ("en", "pt-BR"):
        owner.http.headers["Accept-Language"] = language
        answers.append(owner.upload(bot, "more.md", "Text."))
    del owner.http.headers["Accept-Language"]

    assert [a.status_code for a in answers] == [409, 409]
    errors = [a.json()["error"] for a in answers]
    assert [e["code"] for e in errors] == ["document_quota_exceeded"] * 2
    assert errors[0]["message"] == (
        "The assistant has as many documents as it may have: 5."
    )
    assert errors[1]["message"].startswith("O assistente tem tantos documentos")
    assert listed(owner, bot) == [f"{n}.md" for n in range(FILES)]
    assert not any("more" in name for name in files_of(server, bot))
    assert owner.upload(bot, "0.md", "Other.", replace="true").status_code == 201
    assert owner.upload(owner.create_assistant(), "0.md", "Text.").status_code == 201
    owner.http.delete(f"/documents/delete/{made[1].json()['_id']}").raise_for_status()
    assert owner.upload(bot, "more.md", "Text.").status_code == 201


def test_of_many_uploads_at_once_as_many_come_in_as_there_is_room_for(
    server: Server, owner: Person, bot: Bot
) -> None:
    for number in range(FILES - 2):
        assert send(owner, bot, f"before{number}.md") == 201

    got = at_once(lambda n: send(owner, bot, f"{n}.md"), threads=UPLOADS)

    assert (got.count(201), got.count(409)) == (2, UPLOADS - 2)
    assert len(listed(owner, bot)) == FILES
    assert files_of(server, bot) == listed(owner, bot)


def test_many_large_uploads_at_once_are_not_too_large_together(
    server: Server, owner: Person, bot: Bot
) -> None:
    got = at_once(lambda n: send(owner, bot, f"{n}.md", ONE), threads=UPLOADS)

    assert (got.count(201), got.count(409)) == (3, UPLOADS - 3)
    assert files_of(server, bot) == listed(owner, bot)


def test_many_replacements_at_once_are_not_too_large_together(
    server: Server, owner: Person, bot: Bot
) -> None:
    names = [f"{n}.md" for n in range(FILES)]
    for name in names:
        assert send(owner, bot, name) == 201

    def grow(number: int) -> int:
        return owner.upload(bot, names[number], ONE, replace="true").status_code

    got = at_once(grow, threads=FILES)

    assert (got.count(201), got.count(409)) == (3, 2)
    rows = owner.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    assert sum(row["size"] for row in rows) <= 2 * 1024 * 1024
