"""Documents as answers quote them: what is found of them, and whose."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.made_pdf import MadePdf
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_pdf_is_cited_with_its_page(owner: Person, bot: Bot, model: Any) -> None:
    pages = ["The shop has a cat.", "The canary is called Plum."]
    document = owner.upload(bot, "pets.pdf", MadePdf(pages).data()).json()["_id"]
    assert owner.indexed(document)["pages"] == 2

    model.reply("It is called Plum [1].")
    answer = bot.post("What is the canary called?").json()

    [citation] = answer["citations"]
    assert (citation["filename"], citation["page"]) == ("pets.pdf", 2)
    assert citation["quote"] == "The canary is called Plum."


def test_a_deleted_document_is_not_retrieved_any_more(
    owner: Person, bot: Bot, model: Any
) -> None:
    document = owner.upload(bot, "canary.md", "The canary is called Plum.").json()
    bot.post("What is the canary called?", contact="one")
    assert "Plum" in str(model.requests[-1].body)

    owner.http.delete(f"/documents/delete/{document['_id']}").raise_for_status()

    bot.post("What is the canary called?", contact="two")
    assert "Plum" not in str(model.requests[-1].body)


def test_documents_of_others_are_not_retrieved(
    owner: Person, stranger: Person, bot: Bot, model: Any
) -> None:
    theirs = stranger.create_assistant()
    mine = owner.create_assistant()
    stranger.upload(theirs, "canary.md", "The canary is called Plum.")
    owner.upload(mine, "canary.md", "The canary is called Cherry.")

    bot.post("What is the canary called?")

    assert "Plum" not in str(model.requests[-1].body)
    assert "Cherry" not in str(model.requests[-1].body)
