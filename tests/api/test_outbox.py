"""What a bot has to bring to its contacts, through HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.processes import ServerProcess
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.second import second_server
from tests.support.upstream import Upstream
from tests.support.waiting import until

POST = "/chats/enviarMensagemLLM"
FIELDS = {"_id", "chat_id", "channel", "author", "text", "in_reply_to", "createdAt"}


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(autouse=True)
def _usual_model(model: Upstream) -> Iterator[None]:
    yield
    model.always(Behaviour())


@pytest.fixture
def chat_id(bot: Bot) -> str:
    return str(bot.post("Hello").json()["chat_id"])


def write(person: Person, chat_id: str, text: str) -> str:
    answer = person.http.post(f"/chats/{chat_id}/messages", json={"text": text})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["_id"])


def poll(bot: Bot, **query: Any) -> list[dict[str, Any]]:
    answer = bot.http.get("/chats/outbox", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def texts(bot: Bot, **query: Any) -> list[str]:
    return [row["text"] for row in poll(bot, **query)]


def further_key(owner: Person, bot: Bot, scope: str) -> Bot:
    made = owner.http.post(
        f"/assistants/{bot.id}/keys", json={"name": scope, "scopes": [scope]}
    )
    assert made.status_code == 201, made.text
    return owner.server.bot(bot.id, made.json()["secret"])


# The outbox


def test_what_an_attendant_writes_comes_until_it_is_acknowledged(
    bot: Bot, owner: Person, chat_id: str
) -> None:
    assert poll(bot) == []
    first = write(owner, chat_id, "One")
    second = write(owner, chat_id, "Two")

    given = poll(bot)

    assert [row["_id"] for row in given] == [first, second]
    assert set(given[0]) == FIELDS
    assert given[0]["channel"] == {"id": "5511", "message_service": "whatsapp"}
    assert (given[0]["author"], given[0]["in_reply_to"]) == ("attendant", None)
    assert given[0]["chat_id"] == chat_id
    assert given[0]["createdAt"].endswith("Z")
    assert poll(bot) == given
    assert texts(bot, after=first) == ["Two"]
    assert texts(bot, after="unknown") == ["Two"]
    assert poll(bot, after=second) == []


def test_a_long_poll_wakes_up(bot: Bot, owner: Person, chat_id: str) -> None:
    slots = owner.server.services.stream_slots
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(texts, bot, wait=25)
        until(lambda: not slots.is_idle())
        write(owner, chat_id, "At last")

        assert waiting.result(20) == ["At last"]
    until(slots.is_idle)


def test_a_long_poll_hears_of_another_server(
    bot: Bot, owner: Person, chat_id: str, server: Server, tmp_path: Path
) -> None:
    slots = server.services.stream_slots
    with second_server(server, tmp_path) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(texts, bot, wait=25)
        until(lambda: not slots.is_idle())
        write(other.sign_in(owner.email), chat_id, "From elsewhere")

        assert waiting.result(20) == ["From elsewhere"]


def test_a_long_poll_in_vain_is_an_empty_list(bot: Bot) -> None:
    assert poll(bot, wait=0.1) == []


def test_a_deleted_key_polls_no_longer_and_the_main_one_takes_its_place(
    bot: Bot, owner: Person
) -> None:
    made = owner.http.post(
        f"/assistants/{bot.id}/keys", json={"name": "Second", "scopes": ["chat"]}
    ).json()
    second = owner.server.bot(bot.id, made["secret"])
    chat_id = second.post("Hello").json()["chat_id"]
    write(owner, chat_id, "One")
    assert (texts(second), texts(bot)) == (["One"], [])
    slots = owner.server.services.stream_slots

    with ThreadPoolExecutor(1) as pool:
        last = poll(second)[-1]["_id"]
        query = {"wait": 25, "after": last}
        waiting = pool.submit(second.http.get, "/chats/outbox", params=query)
        until(lambda: not slots.is_idle())
        key = f"/assistants/{bot.id}/keys/{made['_id']}"
        assert owner.http.delete(key).status_code == 200

        assert waiting.result(20).status_code == 401
    write(owner, chat_id, "Two")
    assert second.http.get("/chats/outbox").status_code == 401
    assert texts(bot) == ["Two"]


def test_another_server_on_the_same_store_gives_the_same(
    bot: Bot, owner: Person, chat_id: str, server: Server, tmp_path: Path
) -> None:
    first = write(owner, chat_id, "One")
    given = poll(bot)
    write(owner, chat_id, "Two")

    with second_server(server, tmp_path) as other:
        there = other.bot(bot.id, bot.key)
        assert poll(there)[:1] == given
        assert texts(there, after=first) == ["Two"]
    assert texts(bot) == ["Two"]


def test_a_key_sees_nothing_of_others(
    bot: Bot, owner: Person, stranger: Person, chat_id: str
) -> None:
    written = write(owner, chat_id, "One")
    assert texts(bot) == ["One"]
    others = [further_key(owner, bot, "chat"), stranger.create_assistant()]

    for other in others:
        assert poll(other, after=written) == []
    for scope in ("read", "documents"):
        refused = further_key(owner, bot, scope).http.get("/chats/outbox")
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            403,
            "forbidden",
        )
    assert owner.http.get("/chats/outbox").status_code == 401
    assert texts(bot) == ["One"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"wait": 25.1}, "wait"),
        ({"wait": -1}, "wait"),
        ({"wait": "nan"}, "wait"),
        ({"wait": "soon"}, "wait"),
        ({"after": "x" * 65}, "after"),
        ({"limit": 5}, "limit"),
    ],
)
def test_a_query_that_is_wrong_is_told_so(
    bot: Bot, query: dict[str, Any], field: str
) -> None:
    refused = bot.http.get("/chats/outbox", params=query)

    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == [field]


def overfilled(bot: Bot, model: Upstream) -> dict[int, httpx2.Response]:
    """Let twelve messages wait at once; return what each was answered."""
    model.when("slowly", Behaviour(delay=2))
    asked = len(model.requests)
    with ThreadPoolExecutor(13) as pool:
        pool.submit(bot.post, "slowly")
        until(lambda: len(model.requests) > asked)
        answers = pool.map(
            lambda number: bot.post(f"Number {number}", message_id=f"{number}"),
            range(12),
        )
        return dict(enumerate(answers))


def test_the_answer_of_a_busy_chat_comes_here(bot: Bot, model: Upstream) -> None:
    answers = overfilled(bot, model).values()

    busy = [a.json()["error"] for a in answers if a.status_code == 503]
    assert {error["code"] for error in busy} == {"chat_busy"}
    assert len(busy) >= 4
    late: dict[str, dict[str, Any]] = {}
    while len(late) < len(busy):
        after = {"after": list(late)[-1]} if late else {}
        late |= {row["_id"]: row for row in poll(bot, wait=25, **after)}
    assert {row["in_reply_to"] for row in late.values()} == {
        error["message_id"] for error in busy
    }
    assert all(row["text"].startswith("Answer to: Number") for row in late.values())
    assert not {a.json().get("response_id") for a in answers} & late.keys()


def test_a_repetition_that_gets_its_answer_takes_it_out(
    bot: Bot, model: Upstream
) -> None:
    answers = overfilled(bot, model)
    number = next(n for n, answer in answers.items() if answer.status_code == 503)
    answer = f"Answer to: Number {number}"
    until(lambda: answer in texts(bot))

    again = bot.post(f"Number {number}", message_id=f"{number}")

    assert again.json()["response"] == answer
    assert again.headers["Idempotency-Replayed"] == "true"
    assert answer not in texts(bot)


# One message


def test_a_bot_asks_what_became_of_its_message(bot: Bot) -> None:
    posted = bot.post("Hello", message_id="wamid.77==").json()

    chat, message = posted["chat_id"], posted["message_id"]
    found = [
        bot.http.get(f"/chats/{where}/messages/{which}")
        for where in (chat, "5511")
        for which in (message, "wamid.77==")
    ]

    assert [one.status_code for one in found] == [200] * 4
    entry = found[0].json()
    assert {str(one.json()) for one in found} == {str(entry)}
    assert (entry["_id"], entry["status"]) == (message, "answered")
    assert entry["response_id"] == posted["response_id"]
    answer = bot.http.get(f"/chats/{chat}/messages/{posted['response_id']}").json()
    assert (answer["text"], answer["in_reply_to"]) == (posted["response"], message)


@pytest.mark.parametrize("name", ["wamid.HBg/x+y==", "a b", "%2F", "ação", "?#"])
def test_a_channels_id_may_hold_any_character(bot: Bot, name: str) -> None:
    posted = bot.post("Hello", message_id=name).json()

    found = bot.http.get(f"/chats/5511/messages/{quote(name, safe='')}")

    assert found.json()["_id"] == posted["message_id"]


def test_a_suppressed_answer_is_not_named_to_the_bot(
    bot: Bot, owner: Person, model: Upstream, chat_id: str
) -> None:
    model.always(Behaviour(delay=1))
    asked = len(model.requests)
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(bot.post, "Hello?", message_id="m2")
        until(lambda: len(model.requests) > asked)
        owner.http.post(f"/chats/{chat_id}/takeover", json={}).raise_for_status()
        assert posted.result().json()["status"] == "suppressed"

    entry = bot.http.get(f"/chats/{chat_id}/messages/m2").json()

    assert (entry["status"], entry["response_id"]) == ("suppressed", None)


def test_another_key_asks_in_vain(
    bot: Bot, owner: Person, stranger: Person, chat_id: str
) -> None:
    posted = bot.post("Hello", message_id="m1").json()
    names = [posted["message_id"], posted["response_id"], "m1"]
    others = [further_key(owner, bot, "chat"), stranger.create_assistant()]

    for other in others:
        for where in (chat_id, "5511"):
            for name in names:
                answer = other.http.get(f"/chats/{where}/messages/{name}")
                assert answer.status_code == 404
    reader = further_key(owner, bot, "read")
    assert reader.http.get(f"/chats/{chat_id}/messages/{names[0]}").status_code == 200


def test_the_channels_id_names_the_message_of_that_contact_alone(bot: Bot) -> None:
    one = bot.post("One", contact="1", message_id="7").json()
    two = bot.post("Two", contact="2", message_id="7").json()

    for contact, posted in (("1", one), ("2", two)):
        entry = bot.http.get(f"/chats/{contact}/messages/7").json()
        assert entry["_id"] == posted["message_id"]
        theirs = bot.http.get(f"/chats/{contact}/messages/8")
        assert theirs.json()["error"]["code"] == "message_not_found"
    assert bot.http.get(f"/chats/1/messages/{two['message_id']}").status_code == 404
    assert bot.http.get("/chats/3/messages/7").json()["error"]["code"] == (
        "chat_not_found"
    )


# A server of its own, that is killed


@pytest.fixture
def slow_model() -> Iterator[Upstream]:
    with Upstream(usual=Behaviour(delay=1)) as upstream:
        yield upstream


@pytest.fixture
def process(tmp_path: Path, slow_model: Upstream) -> Iterator[ServerProcess]:
    with forked(
        tmp_path, llm_provider="openai", openai_base_url=slow_model.base_url
    ) as made:
        yield made


def message(text: str, message_id: str) -> dict[str, str]:
    return {
        "id": "5511",
        "message_service": "whatsapp",
        "message": text,
        "message_id": message_id,
    }


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_the_answer_of_a_client_that_hung_up_comes_here(
    process: ServerProcess, slow_model: Upstream, accept: str
) -> None:
    key = create_bot(process)
    with process.client(**{"X-API-Key": key, "Accept": accept}) as bot:
        body = message("Hello", "m1")
        with pytest.raises(httpx2.ReadTimeout):
            bot.post(POST, json=body, timeout=0.5).raise_for_status()

    with process.client(**{"X-API-Key": key}) as bot:
        [late] = bot.get("/chats/outbox", params={"wait": 25}).json()
        entry = bot.get("/chats/5511/messages/m1").json()
        assert (entry["status"], entry["response_id"]) == ("answered", late["_id"])
        assert late["text"] == "Answer to: Hello"
        again = bot.post(POST, json=body)
        assert again.json()["response_id"] == late["_id"]
        assert bot.get("/chats/outbox").json() == []
    assert len(slow_model.requests) == 1


def test_a_turn_whose_server_was_killed_comes_here_and_stays_until_acknowledged(
    process: ServerProcess, slow_model: Upstream
) -> None:
    key = create_bot(process)
    with process.client(**{"X-API-Key": key}) as bot, ThreadPoolExecutor(1) as pool:
        posted = pool.submit(bot.post, POST, json=message("Hello", "m1"))
        until(lambda: slow_model.requests)
        process.kill()
        assert isinstance(posted.exception(), httpx2.HTTPError)

    process.start()
    with process.client(**{"X-API-Key": key}) as bot:
        [late] = bot.get("/chats/outbox", params={"wait": 25}).json()
        assert late["text"] == "Answer to: Hello"
    process.kill()

    process.start()
    with process.client(**{"X-API-Key": key}) as bot:
        assert bot.get("/chats/outbox").json() == [late]
        query = {"after": late["_id"]}
        assert bot.get("/chats/outbox", params=query).json() == []
        assert bot.get("/chats/outbox").json() == []
