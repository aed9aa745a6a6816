"""Answers with their sources: what is sent, streamed and stored says the same."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openpyxl
import pytest

from tests.api.test_turn import parse_events
from tests.support.behaviour import Behaviour
from tests.support.made_office import saved
from tests.support.made_pdf import MadePdf
from tests.support.running import Bot, Person
from tests.support.upstream import Upstream
from tests.support.waiting import until

PAGES = (
    "Every shop of ours is closed on Sundays.\nThe night entrance has a bell.",
    "Returns are free within thirty days.\nA canary costs forty euros.",
    "The courier rings twice at every door.\nGift wrapping costs five euros.",
)
RETURNS = "# Shop\n\n## Returns\n\nBicycles are returned in their box.\n"
STREAM = {"Accept": "text/event-stream"}
EMBEDDED = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(autouse=True)
def _usual_model(model: Upstream) -> Iterator[None]:
    yield
    model.always(Behaviour())


@pytest.fixture(scope="module")
def shop(owner: Person) -> Bot:
    """Return a bot whose documents have pages, headings and sheets."""
    bot = owner.create_assistant()
    owner.upload(bot, "handbook.pdf", MadePdf(PAGES).data())
    owner.upload(bot, "returns.md", RETURNS)
    book = openpyxl.Workbook()
    book.active.title = "Repairs"
    for row in (("Service", "Price"), ("Puncture", "12 euros"), ("Brakes", "30 euros")):
        book.active.append(row)
    owner.upload(bot, "prices.xlsx", saved(book))
    return bot


@pytest.fixture
def contact() -> str:
    """Return the name of somebody who has not written before."""
    return uuid.uuid4().hex


def timeline(person: Person, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answers of a chat as they are stored."""
    found = person.http.get(f"/chats/{body['chat_id']}/messages").json()
    return [entry for entry in found if entry["author"] == "assistant"]


def streamed(bot: Bot, question: str, contact: str) -> tuple[str, str, Any]:
    """Return the text of the deltas, the last event and what it says."""
    response = bot.post(question, contact, headers=STREAM)
    *deltas, (name, last) = parse_events(response.text)
    return "".join(str(told["text"]) for _, told in deltas), name, last


def number_of(model: Upstream, words: str) -> int:
    """Return the number under which the model last got the passage with ``words``."""
    system = model.requests[-1].body["messages"][0]["content"]
    before = system[: system.index(words)]
    return int(before[before.rindex("\n[") + 2 :].partition("]")[0])


@pytest.mark.parametrize(
    ("question", "statement", "source"),
    [
        (
            "Are the shops open on Sundays?",
            "No, every shop is closed on Sundays",
            ("handbook.pdf", 1, None, "Every shop of ours is closed on Sundays."),
        ),
        (
            "What does a canary cost?",
            "A canary costs forty euros",
            ("handbook.pdf", 2, None, "A canary costs forty euros."),
        ),
        (
            "How often does the courier ring?",
            "The courier rings twice",
            ("handbook.pdf", 3, None, "The courier rings twice at every door."),
        ),
        (
            "How are bicycles returned?",
            "Bicycles come in their box",
            (
                "returns.md",
                None,
                "Shop > Returns",
                "Bicycles are returned in their box.",
            ),
        ),
        (
            "What is a repair of a puncture?",
            "A puncture is 12 euros",
            ("prices.xlsx", None, "Repairs", "12 euros"),
        ),
    ],
)
@EMBEDDED
def test_a_citation_says_where_the_statement_stands(
    shop: Bot,
    model: Upstream,
    contact: str,
    *,
    question: str,
    statement: str,
    source: tuple[str, int | None, str | None, str],
) -> None:
    filename, page, heading, quote = source
    shop.post(question, f"{contact}, first")
    number = number_of(model, quote)
    model.reply(f"{statement} [{number}].")

    body = shop.post(question, contact).json()

    assert body["response"] == f"{statement} [1]."
    [cited] = body["citations"]
    assert (cited["filename"], cited["page"]) == (filename, page)
    assert quote in cited["quote"]
    assert heading is None or heading in cited["heading"]


BIRDS = ("albatross", "bittern", "cormorant", "dotterel", "egret", "fulmar", "gannet")


@EMBEDDED
def test_each_page_of_a_long_document_is_cited_as_itself(
    owner: Person, bot: Bot, model: Upstream
) -> None:
    pages = [
        "\n".join(
            ["Handbook of the harbour", f"Here the {bird} nests on a ledge."]
            + [
                f"Of ships {page}.{line} it is said that they sail."
                for line in range(28)
            ]
            + [f"At dusk the {bird} returns to it."]
        )
        for page, bird in enumerate(BIRDS, 1)
    ]
    owner.upload(bot, "harbour.pdf", MadePdf(pages).data())

    for page, bird in enumerate(BIRDS, 1):
        for statement in (f"Here the {bird} nests on a ledge.", f"the {bird} returns"):
            bot.post(f"Where {statement}", f"{page} {statement}")
            number = number_of(model, statement)
            model.reply(f"{statement} [{number}]")
            body = bot.post(f"Where {statement}", "later").json()

            [cited] = body["citations"]
            assert (cited["page"], statement in cited["quote"]) == (page, True)
            shown = owner.http.post(
                f"/assistants/{bot.id}/search", json={"query": statement, "limit": 50}
            ).json()
            assert any(cited["quote"] in passage["text"] for passage in shown)


ANSWERS = (
    "Closed [1]. So it is [2]. And [9] not [1][3]. See [2](x.pdf).",
    "Closed 【1†source】, in `opening[1]`:\n```\nhours[9]\n```\n[Passage 2]",
    "We are closed on Sundays, every shop of ours.",
    "[7][8][9]",
    "I do not know.",
)


@pytest.mark.parametrize("chunks", [1, 3, 60])
@pytest.mark.parametrize("said", ANSWERS)
def test_the_same_is_answered_streamed_and_stored(
    shop: Bot, owner: Person, model: Upstream, contact: str, *, said: str, chunks: int
) -> None:
    question = "Is every shop closed on Sundays, and what are the returns in the box?"
    model.reply(said, chunks=chunks)

    body = shop.post(question, contact).json()
    deltas, name, done = streamed(shop, question, f"{contact}, streamed")

    assert name == "done"
    assert body["response"] == done["response"] == deltas
    assert body["citations"] == done["citations"]
    for told in (body, done):
        [stored] = timeline(owner, told)
        assert stored["text"] == body["response"]
        assert stored["citations"] == body["citations"]
    assert "[9]" not in deltas.replace("hours[9]", "")


@pytest.mark.parametrize("is_streamed", [True, False])
def test_what_came_of_a_broken_answer_has_its_citations(
    shop: Bot, owner: Person, model: Upstream, contact: str, *, is_streamed: bool
) -> None:
    said = "Closed on Sundays [1], always [9]. But" + " so it goes on" * 9
    model.reply(said, chunks=40, cut_after=14)
    question = "Is every shop closed on Sundays?"

    if is_streamed:
        deltas, name, last = streamed(shop, question, contact)
        assert name == "error"
    else:
        last = shop.post(question, contact).json()
    assert last["error"]["code"] == "provider_interrupted"
    [stored] = timeline(owner, last["error"])

    assert stored["status"] == "incomplete"
    assert stored["text"].startswith("Closed on Sundays [1], always. But so")
    assert [cited["quote"] for cited in stored["citations"]] == [
        PAGES[0].split("\n")[0]
    ]
    if is_streamed:
        assert deltas == stored["text"]


def test_an_answer_that_a_person_overtook_is_kept_with_its_citations(
    shop: Bot, owner: Person, model: Upstream, contact: str
) -> None:
    chat = shop.post("Hello", contact).json()["chat_id"]
    model.reply("Closed on Sundays [1], always [9].", delay=1)
    asked = len(model.requests)
    with ThreadPoolExecutor(1) as pool:
        question = "Is every shop closed on Sundays?"
        posted = pool.submit(streamed, shop, question, contact)
        until(lambda: len(model.requests) > asked)
        owner.http.post(f"/chats/{chat}/takeover", json={}).raise_for_status()
        deltas, _, done = posted.result()

    assert (deltas, done["response"], done["citations"]) == ("", None, [])
    stored = timeline(owner, done)[-1]
    assert stored["status"] == "suppressed"
    assert stored["text"] == "Closed on Sundays [1], always."
    assert [cited["page"] for cited in stored["citations"]] == [1]


@EMBEDDED
def test_an_assistant_may_keep_its_sources_to_itself(
    owner: Person, model: Upstream, contact: str
) -> None:
    bot = owner.create_assistant(retrieval={"citations": False})
    owner.upload(bot, "handbook.pdf", MadePdf(PAGES).data())
    model.reply("Closed on Sundays [1], always 【1†source】.", chunks=9)

    deltas, _, done = streamed(bot, "Is every shop closed on Sundays?", contact)

    assert deltas == done["response"] == "Closed on Sundays, always."
    assert done["citations"] == []
