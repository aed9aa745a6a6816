"""What the documents do not say, and what the conversation adds to a question."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import StoreUnavailable
from app.repositories.search_index import SearchIndex
from app.services.prompting import NOTHING_FITS, PASSAGES_HEAD
from app.texts import text
from tests.support.behaviour import Behaviour
from tests.support.running import Bot, Person, Server, running
from tests.support.upstream import Upstream

SHOP = """
# Delivery

## Recife

Delivery to Recife takes seven days and costs 20 euros.

## Manaus

Delivery to Manaus takes ten days and costs 30 euros.

# Gifts

A gift box with a ribbon costs five euros.
"""
STRICT = {"min_score": 0.5}


@pytest.fixture(autouse=True)
def _usual_model(model: Upstream) -> Iterator[None]:
    yield
    model.always(Behaviour())


def told(model: Upstream) -> str:
    """Return the system message of the model's last request, "" without one."""
    first = model.requests[-1].body["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""


def unusable(*_: object, **__: object) -> None:
    raise StoreUnavailable


def shop(owner: Person, **fields: Any) -> Bot:
    bot = owner.create_assistant(**{"retrieval": STRICT} | fields)
    owner.upload(bot, "shop.md", SHOP)
    return bot


@pytest.mark.parametrize(
    "question",
    [
        "Do you rent electric scooters?",
        "What is a gift for the Pope's cousin?",
        "Hello!",
    ],
)
def test_the_model_is_told_that_nothing_fits(
    owner: Person, model: Upstream, question: str
) -> None:
    bot = shop(owner, instructions="You are the shop's voice.")
    model.reply("I do not know.")

    body = bot.post(question).json()

    assert told(model) == f"You are the shop's voice.\n\n{NOTHING_FITS}"
    assert (body["status"], body["response"]) == ("answered", "I do not know.")
    assert body["citations"] == []


def test_what_fits_is_shown_and_nothing_else_said(
    owner: Person, model: Upstream
) -> None:
    bot = shop(owner)

    bot.post("How long does delivery to Recife take?")

    assert told(model).startswith(PASSAGES_HEAD)
    assert "takes seven days" in told(model)
    assert NOTHING_FITS not in told(model)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    "retrieval",
    [{}, {"min_score": None}, {"min_score": 0.5, "enabled": False}],
    ids=str,
)
def test_nothing_is_said_where_no_score_is_asked_for(
    owner: Person, model: Upstream, retrieval: dict[str, Any]
) -> None:
    bot = shop(owner, retrieval=retrieval)

    bot.post("Do you rent electric scooters?")

    assert told(model) == ""


def test_nothing_is_said_of_documents_that_are_not_there(
    owner: Person, model: Upstream
) -> None:
    bot = owner.create_assistant(retrieval=STRICT)
    bot.post("Do you rent scooters?", "before")
    assert told(model) == ""

    document = owner.upload(bot, "shop.md", SHOP).json()["_id"]
    bot.post("Do you rent scooters?", "with")
    assert told(model) == NOTHING_FITS

    owner.http.delete(f"/documents/delete/{document}").raise_for_status()
    bot.post("Do you rent scooters?", "after")
    assert told(model) == ""


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_lowest_score_of_zero_asks_for_any_find(
    owner: Person, model: Upstream
) -> None:
    bot = shop(owner, retrieval={"min_score": 0})

    bot.post("A gift for scooters?")
    assert "gift box" in told(model)

    bot.post("Bitcoin?", "other")
    assert told(model) == NOTHING_FITS


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_nothing_is_said_where_the_index_cannot_be_used(
    server: Server, owner: Person, model: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = shop(owner)
    bot.post("Do you rent scooters?", "before")
    assert told(model) == NOTHING_FITS

    with monkeypatch.context() as broken:
        broken.setattr(SearchIndex, "search", unusable)
        body = bot.post("Do you rent scooters?", "meanwhile").json()

    assert body["status"] == "answered"
    assert told(model) == ""


@pytest.mark.parametrize(
    ("said", "question", "found", "not_found"),
    [
        ("Delivery to Recife?", "And how much is it?", "20 euros", "five euros"),
        ("Delivery to Recife?", "And to Manaus?", "30 euros", "five euros"),
        ("Do you have a gift box?", "And the price?", "five euros", "20 euros"),
    ],
)
def test_a_follow_up_is_searched_with_the_conversation(
    owner: Person,
    model: Upstream,
    *,
    said: str,
    question: str,
    found: str,
    not_found: str,
) -> None:
    bot = shop(owner)

    bot.post(said)
    bot.post("Thank you!")
    bot.post(question)

    assert found in told(model)
    assert not_found not in told(model)
    bot.post(question, "somebody else")
    assert found not in told(model) or "Manaus" in question


def test_a_follow_up_about_something_else_finds_nothing(
    owner: Person, model: Upstream
) -> None:
    bot = shop(owner)

    bot.post("Delivery to Recife?")
    bot.post("Do you repair bicycles?")

    assert told(model) == NOTHING_FITS


@pytest.mark.parametrize("documents", [True, False])
def test_without_a_model_it_says_so_itself(tmp_path: Path, *, documents: bool) -> None:
    said = {
        "Do you rent electric scooters?": text("offline.unknown", "en"),
        "Vocês alugam patinetes elétricos?": text("offline.unknown", "pt"),
        "patinetes?": text("offline.unknown", "pt"),
        "Oi!": text("offline.greeting", "pt", name="Loja"),
        "Thanks!": text("offline.thanks", "en"),
    }
    with running(tmp_path) as server:
        owner = server.register()
        bot = owner.create_assistant(
            retrieval=STRICT, instructions="Você é a voz da loja e ajuda os clientes."
        )
        if documents:
            owner.upload(bot, "shop.md", SHOP)

        answers = {question: bot.post(question, question).json() for question in said}

    assert {question: body["response"] for question, body in answers.items()} == said
    assert all(body["citations"] == [] for body in answers.values())
