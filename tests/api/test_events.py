"""Live events: what is told, to whom, and from where on."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.errors import Busy
from tests.support.event_processes import eventually
from tests.support.listening import Frame, Listener, listening
from tests.support.quick import cheap_passwords
from tests.support.route_table import UNKNOWN_ID
from tests.support.running import Bot, Person, Server
from tests.support.second import second_server
from tests.support.upstream import Upstream


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def other(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return another server process on the same store."""
    with second_server(server, tmp_path_factory.mktemp("other")) as made:
        yield made


@pytest.fixture
def follow(server: Server) -> Iterator[Callable[..., Listener]]:
    with ExitStack() as open_streams:

        def start(at: Server = server, **options: Any) -> Listener:
            return open_streams.enter_context(listening(at, **options))

        yield start
    eventually(server.services.stream_slots.is_idle)


Follow = Callable[..., Listener]


def test_a_stream_opens_at_once_with_a_place_to_come_back_to(
    owner: Person, follow: Follow
) -> None:
    listener = follow(person=owner)

    assert listener.lines[:3] == [": live events", "retry: 3000", ""]
    assert listener.headers["Content-Type"].startswith("text/event-stream")
    assert listener.headers["Cache-Control"] == "no-store"
    assert listener.headers["X-Accel-Buffering"] == "no"
    listener.wait_for_line(f"id: {listener.id}")
    assert listener.id


def test_messages_and_chats_are_told_as_the_other_routes_show_them(
    owner: Person, bot: Bot, follow: Follow
) -> None:
    listener = follow(person=owner)

    posted = bot.post("What about Sunday?").json()
    frames = listener.all_until(posted["response"])

    timeline = owner.http.get(f"/chats/{posted['chat_id']}/messages").json()
    told = {
        frame.data["_id"]: frame.data for frame in frames if frame.name == "message"
    }
    assert list(told.values()) == timeline
    chat = owner.http.get(f"/chats/get/{posted['chat_id']}").json()
    assert frames[-1].data == chat


def test_a_change_of_state_is_told(owner: Person, bot: Bot, follow: Follow) -> None:
    chat_id = bot.post().json()["chat_id"]
    listener = follow(person=owner, chat_id=chat_id)

    owner.http.put(f"/chats/desativar/{chat_id}").raise_for_status()

    assert listener.next("chat").data["status"] == "inactive"


def test_a_filter_leaves_the_rest_out(
    owner: Person, bot: Bot, model: Upstream, follow: Follow
) -> None:
    other_bot = owner.create_assistant()
    chat_id = bot.post("before", "maria").json()["chat_id"]
    of_assistant = follow(person=owner, assistant_id=bot.id)
    of_chat = follow(person=owner, chat_id=chat_id)
    of_channel = follow(person=owner, chat_id="maria", assistant_id=bot.id)

    other_bot.post("of another assistant", "maria")
    bot.post("of another chat", "pedro")
    bot.post("of this chat", "maria")

    assert "of another assistant" not in of_assistant.next_text("of this chat")
    for listener in (of_chat, of_channel):
        assert listener.next_text("of this chat") == ["of this chat"]


def test_what_somebody_may_not_see_cannot_be_followed(
    stranger: Person, bot: Bot, follow: Follow
) -> None:
    chat_id = bot.post().json()["chat_id"]

    for name, theirs in (("assistant_id", bot.id), ("chat_id", chat_id)):
        answers = [
            stranger.http.get("/events", params={name: wanted})
            for wanted in (theirs, UNKNOWN_ID)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        codes = [answer.json()["error"]["code"] for answer in answers]
        assert codes[0] == codes[1]
    mismatched = {"chat_id": chat_id, "assistant_id": stranger.create_assistant().id}
    assert stranger.http.get("/events", params=mismatched).status_code == 404


def test_everybody_is_told_of_their_own_and_an_admin_of_all(
    owner: Person, stranger: Person, admin: Person, bot: Bot, follow: Follow
) -> None:
    theirs = stranger.create_assistant()
    listeners = {
        person.id: follow(person=person) for person in (owner, stranger, admin)
    }

    bot.post("of the owner")
    theirs.post("of the stranger")

    strangers = listeners[stranger.id].next_text("of the stranger")
    admins = listeners[admin.id].next_text("of the stranger")
    bot.post("the last")
    owners = listeners[owner.id].next_text("the last")
    assert "of the owner" not in strangers
    assert "of the owner" in admins
    assert "of the stranger" not in owners


def test_one_server_tells_what_happens_at_another(
    owner: Person, bot: Bot, other: Server, follow: Follow
) -> None:
    listener = follow(other, person=owner, assistant_id=bot.id)

    answer = bot.post("Is anybody there?").json()["response"]

    frames = listener.all_until(answer)
    assert frames[0].data["text"] == "Is anybody there?"


@pytest.mark.parametrize("place", ["header", "address"])
def test_who_comes_back_goes_on_where_they_were_at_any_server(
    owner: Person, bot: Bot, server: Server, other: Server, place: str
) -> None:
    bots = [bot, other.bot(bot.id, bot.key)]
    with listening(server, owner, assistant_id=bot.id) as listener:
        last = listener.all_until(bot.post("0 marker").json()["response"])[-1]

    for number in range(1, 6):
        missed = {f"{number} here", f"{number} there"}
        for text, sender in zip(sorted(missed), bots, strict=True):
            sender.post(text, text).raise_for_status()
        back: dict[str, Any] = {"assistant_id": bot.id} | (
            {"headers": {"Last-Event-ID": last.id}}
            if place == "header"
            else {"last_event_id": last.id}
        )
        frames: list[Frame] = []
        with listening([server, other][number % 2], owner, **back) as listener:
            while missed - texts(frames):
                frames.append(listener.next())
            bots[number % 2].post(f"{number} marker", "marker").raise_for_status()
            frames += listener.all_until(f"{number} marker")
        last = frames[-1]

        assert "reset" not in {frame.name for frame in frames}
        # The round before may have had its end on the way.
        rounds = {int(text[0]) for text in texts(frames) if text[0].isdigit()}
        assert rounds <= {number, number - 1}


@pytest.mark.parametrize(
    "position", ["nonsense", "-", "e30x", "eyJhIjoxfQ", "W10", "eyJhIjoxZTk5fQ", "ü"]
)
def test_who_comes_back_from_nowhere_has_to_read_anew(
    owner: Person, bot: Bot, follow: Follow, position: str
) -> None:
    listener = follow(person=owner, assistant_id=bot.id, last_event_id=position)

    assert listener.next().name == "reset"
    bot.post("after it")
    assert listener.next_text("after it") == ["after it"]


def test_a_ticket_opens_one_stream_at_any_server(
    owner: Person, bot: Bot, server: Server, other: Server, follow: Follow
) -> None:
    issued = owner.http.post("/auth/ticket").json()
    ticket = issued["ticket"]
    assert issued == {"ticket": ticket, "expires_in": 30}

    listener = follow(other, ticket=ticket, assistant_id=bot.id)
    assert listener.status == 200
    bot.post("for a ticket")
    assert "for a ticket" in listener.next_text("for a ticket")

    for at in (server, other):
        assert follow(at, ticket=ticket).status == 401


def test_a_ticket_opens_nothing_else(owner: Person, server: Server) -> None:
    ticket = owner.http.post("/auth/ticket").json()["ticket"]
    nobody = server.anonymous()

    for path in ("/chats/list", "/auth/me", "/assistants/list"):
        assert nobody.get(path, params={"ticket": ticket}).status_code == 401
    for headers in ({"X-API-Key": ticket}, {"Authorization": f"Bearer {ticket}"}):
        assert nobody.get("/chats/list", headers=headers).status_code == 401
        assert nobody.get("/events", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "query", ["unknown=1", "assistant_id[$ne]=1", "chat_id=%00", "chat_id=" + "x" * 200]
)
def test_a_query_that_is_not_ours_is_refused(owner: Person, query: str) -> None:
    answer = owner.http.get(f"/events?{query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (
        422,
        "invalid_input",
    )


@pytest.mark.parametrize("ticket", ["", "unknown", "%00", "x" * 5000])
def test_without_a_good_ticket_nothing_opens(server: Server, ticket: str) -> None:
    answer = server.anonymous().get(f"/events?ticket={ticket}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_a_ticket_ends_with_its_sign_in(server: Server, admin: Person) -> None:
    person = server.register()
    ticket = person.http.post("/auth/ticket").json()["ticket"]
    person.http.post("/auth/logout").raise_for_status()

    assert server.anonymous().get(f"/events?ticket={ticket}").status_code == 401


def test_tickets_and_positions_are_not_logged(
    owner: Person, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = owner.http.post("/auth/ticket").json()["ticket"]

    with caplog.at_level(logging.DEBUG):
        follow(ticket=ticket, last_event_id="nonsense")
        follow(ticket=ticket)

    assert caplog.records
    assert ticket not in str([vars(record) for record in caplog.records])


def test_a_key_of_an_assistant_does_not_follow_events(bot: Bot) -> None:
    assert bot.http.get("/events").status_code == 401


def test_a_stream_ends_with_its_sign_in(
    server: Server, admin: Person, other: Server, follow: Follow
) -> None:
    person = server.register()
    streams = [follow(at, person=person) for at in (server, other)]

    person.http.post("/auth/logout").raise_for_status()

    for stream in streams:
        assert stream.seconds_to_end() < 3
        assert stream.pending() == []
        assert stream.lines[-2:] == [": the end", ""]


def test_a_stream_ends_when_its_user_is_disabled(
    server: Server, admin: Person, follow: Follow
) -> None:
    person = server.register()
    stream = follow(person=person)

    admin.http.patch(f"/users/{person.id}", json={"active": False}).raise_for_status()

    assert stream.seconds_to_end() < 3


def test_who_is_no_member_any_more_is_told_nothing_more(
    server: Server, owner: Person, bot: Bot, other: Server, follow: Follow
) -> None:
    person = server.register()
    update = f"/assistants/update/{bot.id}"
    members = [{"user_id": person.id, "role": "viewer"}]
    owner.http.put(update, json={"members": members}).raise_for_status()
    filtered = [
        follow(at, person=person, assistant_id=bot.id) for at in (server, other)
    ]
    unfiltered = follow(person=person)
    chat = follow(person=person, chat_id=bot.post("for a member").json()["chat_id"])
    unfiltered.next_text("for a member")

    owner.http.put(update, json={"members": []}).raise_for_status()

    for stream in (*filtered, chat):
        assert stream.seconds_to_end() < 3
    own = person.create_assistant()
    # What may be seen is looked up each second: from then on, one's own new things.
    eventually(lambda: own.post("own") and "own" in texts(unfiltered.pending()))
    bot.post("not for a member", "maria").raise_for_status()
    own.post("the last").raise_for_status()
    assert "not for a member" not in unfiltered.next_text("the last")


def test_streams_hold_their_share_of_the_threads_and_no_more(
    owner: Person, server: Server, bot: Bot
) -> None:
    free = free_slots(server)
    with ExitStack() as streams:
        for _ in range(free):
            assert streams.enter_context(listening(server, owner)).status == 200
        refused = owner.http.get("/events")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        assert refused.headers["Retry-After"]
        assert bot.post("Still there?").status_code == 200

    eventually(lambda: free_slots(server) == free)
    for _ in range(free + 1):
        assert owner.http.head("/events").status_code == 200
    eventually(lambda: free_slots(server) == free)


def test_streams_end_when_the_server_stops(
    server: Server, owner: Person, tmp_path: Path
) -> None:
    with second_server(server, tmp_path) as ending, listening(ending, owner) as stream:
        ending.services.stopping.set()

        assert stream.seconds_to_end() < 3
        assert stream.lines[-2:] == [": the end", ""]


def texts(frames: list[Frame]) -> set[str]:
    return {frame.data["text"] for frame in frames if frame.name == "message"}


def free_slots(server: Server) -> int:
    """Return how many more streams would be taken."""
    with ExitStack() as held:
        for taken in range(1000):
            try:
                held.enter_context(server.services.stream_slots.slot())
            except Busy:
                return taken
    raise AssertionError
