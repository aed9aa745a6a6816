"""Documents are found by meaning where there is a provider of vectors, on every store."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.embeddings import Embeddings
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person
from tests.support.upstream import Upstream
from tests.support.waiting import until

RETRIED = 20.0
CANARY, FEES = (
    "# Birds\n\nThe canary sings at dawn.\n",
    "# Fees\n\nDelivery costs ten.\n",
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Embeddings]:
    with Embeddings({"canary", "yellow", "passarinho"}, {"delivery", "frete"}) as made:
        yield made


@pytest.fixture(scope="module")
def server_settings(provider: Embeddings) -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield provider.settings


def search(person: Person, bot: Bot, query: str) -> list[dict[str, Any]]:
    path = f"/assistants/{bot.id}/search"
    answer = person.http.post(path, json={"query": query, "limit": 5})
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


def test_other_words_of_another_language_find_it(owner: Person, bot: Bot) -> None:
    owner.upload(bot, "birds.md", CANARY)
    owner.upload(bot, "fees.md", FEES)

    birds, fees = search(owner, bot, "passarinho")

    assert (birds["filename"], birds["vector_rank"]) == ("birds.md", 1)
    assert (birds["lexical_rank"], birds["score"]) == (None, pytest.approx(1, abs=0.01))
    assert (fees["filename"], fees["score"]) == ("fees.md", pytest.approx(0, abs=0.01))


def test_what_words_and_meaning_find_has_both_ranks(owner: Person, bot: Bot) -> None:
    owner.upload(bot, "birds.md", CANARY)
    owner.upload(bot, "fees.md", FEES)

    best = search(owner, bot, "When does the canary sing?")[0]

    assert (best["filename"], best["lexical_rank"], best["vector_rank"]) == (
        "birds.md", 1, 1,
    )  # fmt: skip


def test_an_answer_cites_what_only_the_meaning_finds(
    owner: Person, bot: Bot, model: Upstream
) -> None:
    owner.upload(bot, "fees.md", FEES)
    model.reply("Ten [1].")

    answer = bot.post("Quanto é o frete?").json()

    assert [c["filename"] for c in answer["citations"]] == ["fees.md"]


def test_what_a_document_had_before_is_not_asked_for_again(
    owner: Person, bot: Bot, provider: Embeddings
) -> None:
    sections = [f"# Bird {n}\n\nThe canary number {n}.\n\n" for n in range(5)]
    owner.upload(bot, "birds.md", "".join(sections))
    del provider.asked[:]

    changed = "# Bird 2\n\nThe canary sleeps.\n\n"
    owner.upload(
        bot,
        "birds.md",
        "".join([*sections[:2], changed, *sections[3:]]),
        replace="true",
    )

    assert [len(texts) for texts in provider.asked] == [1]
    assert "sleeps" in provider.asked[0][0]
    assert {found["vector_rank"] for found in search(owner, bot, "yellow")} == {
        1, 2, 3, 4, 5,
    }  # fmt: skip


def test_while_the_provider_is_away_words_find_it_and_then_its_meaning_does(
    owner: Person, bot: Bot, provider: Embeddings, model: Upstream
) -> None:
    def read() -> dict[str, Any]:
        found: dict[str, Any] = owner.http.get(f"/documents/get/{document}").json()
        return found

    model.reply("At dawn [1].")
    provider.down = True
    try:
        form = {"type": "rag", "assistant_id": bot.id}
        sent = owner.http.post(
            "/documents/add", data=form, files={"file": ("birds.md", CANARY)}
        )
        document = sent.json()["_id"]
        until(lambda: read()["error"])
        waiting = read()
        answer = bot.post("When does the canary sing?").json()
    finally:
        provider.down = False

    assert (waiting["status"], waiting["chunks"]) == ("processing", 1)
    assert waiting["progress"] < 1
    assert "not by its meaning" in waiting["error"]
    assert answer["response"] == "At dawn [1]."
    assert [c["filename"] for c in answer["citations"]] == ["birds.md"]

    until(lambda: read()["status"] == "ready", seconds=RETRIED)
    assert (read()["error"], read()["progress"]) == (None, 1.0)
    assert search(owner, bot, "passarinho")[0]["vector_rank"] == 1
